"""Which numbers have the quality of their calls' audio told."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # The default is for what is there. It stays: to drop one, SQLite has to copy the whole table.
    column = sa.Column("media", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("numbers", column)
