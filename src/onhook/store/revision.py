"""Which version of the tables a database has, without changing anything."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import schema
from onhook.store.connecting import connect
from onhook.store.database import StoreError


def expected_revision() -> str:
    """The one that this program works with."""
    return schema.REVISION


async def stored_revision(directory: Path, database_url: str = "") -> str:
    """The one that the database of a data directory, or of a URL, has; empty for none. Raises StoreError."""
    database = connect(directory, database_url)
    try:
        found = await database.query(text("SELECT version_num FROM alembic_version"))
        return str(found[0][0]) if found else ""
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).rstrip(".")
        raise StoreError(f"The database {database.name} cannot be read: {reason}.") from error
    finally:
        await database.close()
