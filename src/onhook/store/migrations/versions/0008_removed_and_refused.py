"""Applications that were removed; requests that were refused, with their calls."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("applications", sa.Column("removed_ms", sa.BigInteger))
    op.create_table(
        "refused_requests",
        sa.Column("session", sa.String(40), sa.ForeignKey("calls.session"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("path", sa.String(40), nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
    )
