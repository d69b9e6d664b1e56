"""Migrations of the database, run by Alembic from a connection that is already open."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection


def migrate(connection: Connection, revision: str = "head") -> None:
    """Brings the schema to ``revision``. Raises LookupError if the database's own is unknown here."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise LookupError(str(error)) from error
