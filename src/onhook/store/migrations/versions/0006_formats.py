"""In which form an application is told; which attempts were those of the schedule."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # The defaults are for what is there. They stay: to drop one, SQLite has to copy the whole table.
    for table, default in (("applications", "form"), ("numbers", ""), ("notifications", "form")):
        column = sa.Column("format", sa.String(4), nullable=False, server_default=default)
        op.add_column(table, column)
    op.add_column("notifications", sa.Column("scheduled", sa.Integer))
    op.add_column("notifications", sa.Column("not_before_ms", sa.BigInteger))
