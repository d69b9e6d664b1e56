"""Monotonic time beside that of the wall; the lease of a worker; what the database knows of its key."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # The defaults are for the rows that are there, and stay: see 0003.
    for table, column in (
        ("calls", sa.Column("boot_id", sa.String(36), nullable=False, server_default="")),
        ("calls", sa.Column("answered_mono_ms", sa.BigInteger)),
        ("calls", sa.Column("written_mono_ms", sa.BigInteger, nullable=False, server_default="0")),
        ("workers", sa.Column("alive_mono_ms", sa.BigInteger, nullable=False, server_default="0")),
        ("workers", sa.Column("boot_id", sa.String(36), nullable=False, server_default="")),
    ):
        op.add_column(table, column)
    op.create_table(
        "leases",
        sa.Column("owner", sa.String(40), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("renewals", sa.BigInteger, nullable=False),
        sa.Column("lease_ms", sa.BigInteger, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
    )
    op.create_table(
        "properties",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
