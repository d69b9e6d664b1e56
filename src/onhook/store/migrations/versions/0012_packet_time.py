"""The packet time of a trunk: what its peer asks for, where nobody said otherwise."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    # 20 was what every trunk had that was told nothing. The default of the column stays: to change one,
    # SQLite has to copy the whole table, and each trunk is written with all of its columns.
    op.execute("UPDATE trunks SET ptime = 0 WHERE ptime = 20")
