"""What another process needs to go on with a call."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    # Of calls that are there nothing is known: they are ended, as before. The default stays: to drop one,
    # SQLite has to copy the whole table.
    column = sa.Column("going_on", sa.Text, nullable=False, server_default="")
    op.add_column("calls", column)
