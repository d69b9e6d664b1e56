"""What a database is to the store, whichever it is. What SQLite and PostgreSQL do differently is in
:mod:`onhook.store.sqlite` and :mod:`onhook.store.postgresql`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

    Insertion: TypeAlias = SqliteInsert | PostgresqlInsert

Result = TypeVar("Result")

Guard: TypeAlias = Callable[[Connection], None]
"""Looks, at the beginning of a transaction, whether it may be; raises SQLAlchemyError if not."""


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do. It holds no password."""


class DatabaseUnreachable(SQLAlchemyError):
    """There is no connection to the database now; later there may be one again."""


class Database(Protocol):
    """A database that is open. ``engine`` is for queries and for single small changes."""

    engine: AsyncEngine
    name: str
    """What the operator calls it: a path, or host, port and name. Never a password."""
    shared: bool
    """Whether servers with other data directories may use it, too."""
    guard: Guard | None
    """Begins every transaction; None: all of them may be."""

    def insert(self, table: Table) -> "Insertion":
        """An INSERT that can say what is to happen on a conflict."""
        ...

    async def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Runs ``work`` in a transaction that is on disk when this returns; one at a time.

        ``work`` may run in another thread, and once more if the connection was lost: what it writes
        must be harmless when it is written twice. Raises SQLAlchemyError.
        """
        ...

    async def migrate(self, work: Callable[[Connection], None]) -> None:
        """Runs ``work``, which changes the schema, while no other process does the same."""
        ...

    async def close(self) -> None:
        """Closes every connection."""
        ...
