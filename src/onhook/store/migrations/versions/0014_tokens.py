"""Several access tokens of an application, by name."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    # When the token was made that an application has had from the first: with it, unless that was replaced.
    op.add_column("applications", sa.Column("token_ms", sa.BigInteger))
    op.create_table(
        "tokens",
        sa.Column("app_id", sa.String(16), sa.ForeignKey("applications.app_id"), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
