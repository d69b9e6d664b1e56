"""What a database is to the store, whichever it is. What SQLite and PostgreSQL do differently is in
:mod:`onhook.store.sqlite` and :mod:`onhook.store.postgresql`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, Executable, Table
from sqlalchemy import Row as FoundRow
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import SQLAlchemyError

from onhook.store.records import Writes

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

    Insertion: TypeAlias = SqliteInsert | PostgresqlInsert

Result = TypeVar("Result")

Row: TypeAlias = Sequence[Any]

Found: TypeAlias = FoundRow[Any]
"""What a query finds; its columns are attributes."""


class Execution(Protocol):
    """A transaction, for statements whose text is made already."""

    def many(self, text: str, rows: Sequence[Row]) -> None:
        """Executes a statement that writes once for each of these rows of parameters."""
        ...

    def rows(self, text: str, parameters: Row) -> Sequence[Row]:
        """What a query finds."""
        ...


Guard: TypeAlias = Callable[[Execution], None]
"""Looks, at the beginning of a transaction, whether it may be; raises SQLAlchemyError if not."""

Told: TypeAlias = Callable[[Exception | None], None]
"""Hears, on the event loop, that its writes are on disk: None; or why they cannot be."""

Submitted: TypeAlias = tuple[Writes, Told]

Write: TypeAlias = Callable[[Execution, Sequence[Writes]], None]
"""Writes a batch in a transaction; what it writes is harmless when it is written twice."""

Settle: TypeAlias = Callable[[Sequence[Submitted], Exception | None], None]
"""Takes, on the event loop, what became of a batch."""


class Committer(Protocol):
    """Commits batches in their order. What arrives while one is on its way to the disk is one batch."""

    def commit(self, batch: list[Submitted]) -> None:
        """Begins at once, if it is idle. The batch is its own from now on."""
        ...

    async def finished(self) -> None:
        """Waits until all that it was given is settled."""
        ...


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do. It holds no password."""


class DatabaseUnreachable(SQLAlchemyError):
    """There is no connection to the database now; later there may be one again."""


class Database(Protocol):
    """A database that is open."""

    name: str
    """What the operator calls it: a path, or host, port and name. Never a password."""
    shared: bool
    """Whether servers with other data directories may use it, too."""
    guard: Guard | None
    """Begins every transaction; None: all of them may be."""

    @property
    def dialect(self) -> Dialect:
        """In which the texts of its statements are written."""
        ...

    def insert(self, table: Table) -> "Insertion":
        """An INSERT that can say what is to happen on a conflict."""
        ...

    async def query(self, statement: Executable) -> Sequence[Found]:
        """All that a query finds: as one piece of work, since calls wait for it. Raises SQLAlchemyError."""
        ...

    async def look_up(self, text: str, parameters: Row) -> Sequence[Row]:
        """The same for a query whose text is made already. Raises SQLAlchemyError."""
        ...

    async def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Runs ``work`` in a transaction that is on disk when this returns; one at a time.

        ``work`` may run in another thread, and once more if the connection was lost: what it writes
        must be harmless when it is written twice. Raises SQLAlchemyError.
        """
        ...

    def committer(self, write: Write, settle: Settle) -> Committer:
        """Who commits batches. Where one write breaks a batch, each is tried alone."""
        ...

    async def migrate(self, work: Callable[[Connection], None]) -> None:
        """Runs ``work``, which changes the schema, while no other process does the same."""
        ...

    async def close(self) -> None:
        """Closes every connection."""
        ...
