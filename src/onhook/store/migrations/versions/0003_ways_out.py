"""Trunks; what a call that is made, or passed on, has besides one that came in."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "trunks",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("proxy_host", sa.Text, nullable=False),
        sa.Column("proxy_port", sa.Integer, nullable=False),
        sa.Column("transport", sa.String(3), nullable=False),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("password_encrypted", sa.Text, nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("caller_id", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    # The defaults are for the calls that are there. They stay: to drop one, SQLite has to copy the whole
    # table, which may hold millions of calls by now.
    op.add_column("calls", sa.Column("dest_number", sa.Text, nullable=False, server_default=""))
    op.add_column("calls", sa.Column("facts", sa.Text, nullable=False, server_default=""))
    op.add_column("calls", sa.Column("sip_code", sa.Integer))
