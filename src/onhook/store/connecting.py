"""Which database it is: SQLite in the data directory, or PostgreSQL where a URL names one.

Each is imported when it is used, since drivers and dialects take their time to import.
"""

from pathlib import Path

from onhook.store.database import Database


def connect(directory: Path, database_url: str) -> Database:
    """The database of a data directory, or that of ``database_url`` if it is not empty.

    Connections are made when they are needed. Raises :class:`StoreError` for a URL that cannot be used.
    """
    if database_url:
        from onhook.store.postgresql import Postgresql

        return Postgresql(database_url)
    from onhook.store.sqlite import Sqlite

    return Sqlite(directory)
