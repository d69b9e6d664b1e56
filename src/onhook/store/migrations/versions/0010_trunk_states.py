"""What is known of each trunk, and which worker looks after it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "trunk_states",
        sa.Column("trunk", sa.String(40), primary_key=True),
        sa.Column("worker", sa.String(40), nullable=False),
        sa.Column("up", sa.Boolean),
        sa.Column("registered_until_ms", sa.BigInteger),
        sa.Column("answered_ms", sa.BigInteger),
        sa.Column("round_trip_us", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("sip_code", sa.Integer, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("service_route", sa.Text, nullable=False),
    )
