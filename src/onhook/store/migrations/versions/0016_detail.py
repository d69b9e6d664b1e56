"""Which applications are told, in the end, why a call ended."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    # The defaults are for what is there. They stay: to drop one, SQLite has to copy the whole table.
    for table, default in (("applications", "none"), ("numbers", "")):
        column = sa.Column("detail", sa.String(4), nullable=False, server_default=default)
        op.add_column(table, column)
