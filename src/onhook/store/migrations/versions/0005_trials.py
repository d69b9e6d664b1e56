"""Accounts on trial; the history of an application in place of its account's."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # The default is for the accounts that are there; it stays, as those of 0003 do.
    op.add_column(
        "accounts", sa.Column("trial", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.drop_index("ix_calls_account_id_began_ms", "calls")
    op.create_index("ix_calls_app_id_began_ms", "calls", ["app_id", "began_ms"])
