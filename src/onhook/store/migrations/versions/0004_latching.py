"""Where the audio of a trunk may come from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    latching = sa.Column("rtp_latching", sa.String(12), nullable=False, server_default="signalled")
    op.add_column("trunks", latching)
