"""SQLite in WAL mode: durable on power loss, readers beside the one writer.

Transactions run from BEGIN to COMMIT in one thread, and queries from beginning to end in another, so that the
event loop is asked for nothing in between. Group commits pass SQLAlchemy by, whose part in them would be more
than all the rest: their statements are texts. A driver for asyncio would hand each step to a thread and back,
some ten turns of the loop for a query: when calls waited for such queries they waited for seconds as soon as
a turn took long.
"""

import asyncio
import contextlib
import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, Final, Never

from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    NullPool,
    StaticPool,
    Table,
    create_engine,
    event,
)
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from onhook.store.checkpoints import Checkpoints
from onhook.store.committing import ConnectionExecution, breaks_alone
from onhook.store.database import Found, Guard, Result, Row, Settle, Submitted, Write
from onhook.store.job_thread import JobThread, tell
from onhook.store.writing_thread import WritingThread

DATABASE_FILE = "onhook.db"
_BUSY_TIMEOUT_MS = 10_000
_TOGETHER: Final = (16, 8, 4, 2)
"""So many rows are inserted by one statement, if there are so many. A row has less than a hundred values."""
_VALUES: Final = re.compile(r"(?<= VALUES )(\([^()]*\))")


class Sqlite:
    """The database file of a data directory (store.Database)."""

    shared = False

    def __init__(self, directory: Path) -> None:
        self._path = directory / DATABASE_FILE
        self.name = str(self._path)
        self.guard: Guard | None = None
        _make_private(self._path)
        self._writing = self._engine(StaticPool)
        event.listen(self._writing, "begin", _begin)
        event.listen(self._writing, "connect", _configure)
        self.dialect = self._writing.dialect
        self._thread = WritingThread(self._commit)
        self._reading = self._engine(StaticPool)
        event.listen(self._reading, "connect", _configure)
        self._reader: JobThread[Never] = JobThread("store-reader")
        self._checkpoints = Checkpoints(self.name)
        self._raw: sqlite3.Connection | None = None
        """The one connection of ``_writing``; the thread's alone."""
        self._raw_to_read: sqlite3.Connection | None = None
        """That of ``_reading``, of whose thread it is."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._write: Write = _nothing
        self._settle: Settle = _nothing

    def insert(self, table: Table) -> Insert:
        """An INSERT in SQLite's dialect."""
        return Insert(table)

    async def query(self, statement: Executable) -> Sequence[Found]:
        """All that a query finds, in the reading thread. Raises SQLAlchemyError."""

        def read() -> Sequence[Found]:
            with self._reading.connect() as connection:
                return connection.execute(statement).all()

        return await self._reader.run(read)

    async def look_up(self, text: str, parameters: Row) -> Sequence[Row]:
        """All that it finds, in the reading thread. Raises SQLAlchemyError."""

        def read() -> Sequence[Row]:
            try:
                return self._raw_reading().execute(text, parameters).fetchall()
            except sqlite3.Error as error:
                raise _known(error, self._reading) from error

        return await self._reader.run(read)

    async def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Runs ``work`` in a transaction, in the writing thread. Raises SQLAlchemyError."""
        guard = self.guard

        def guarded(connection: Connection) -> Result:
            if guard is not None:
                guard(ConnectionExecution(connection))
            return work(connection)

        return await self._in_thread(self._writing, guarded)

    @property
    def idle(self) -> bool:
        """Whether nothing is being read or written for calls, and all that was is told."""
        return self._thread.idle and self._reader.idle

    # Group commit (store.Committer) ---------------------------------------------------------------

    def committer(self, write: Write, settle: Settle) -> "Sqlite":
        """This very object: there is one writer."""
        self._write, self._settle = write, settle
        return self

    def commit(self, batch: list[Submitted]) -> None:
        """Hands the batch to the writing thread."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._thread.submit(batch)

    async def finished(self) -> None:
        """What was told to the event loop before this is told is heard before it, too."""
        await self._thread.run(lambda: None)

    def _commit(self, batch: Sequence[Submitted]) -> None:
        """In the writing thread."""
        loop = self._loop
        if loop is None:
            raise AssertionError("whoever submits has an event loop")
        try:
            self._transaction([writes for writes, _ in batch])
        except Exception as error:  # noqa: BLE001  # handed to everyone who waits for it
            if not breaks_alone(batch, error):
                tell(loop, self._settle, batch, error)
                return
            for one in batch:
                self._commit([one])
        else:
            tell(loop, self._settle, batch, None)
            self._checkpoints.written(self._raw_connection().total_changes)

    def _transaction(self, writes: Sequence[Any]) -> None:
        try:
            cursor = self._raw_connection().cursor()
            cursor.execute("BEGIN IMMEDIATE")
            execution = _Execution(cursor)
            try:
                if self.guard is not None:
                    self.guard(execution)
                self._write(execution, writes)
                cursor.execute("COMMIT")
            except BaseException:
                if cursor.connection.in_transaction:  # a full disk may have ended it already
                    cursor.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _known(error, self._writing) from error

    def _raw_connection(self) -> sqlite3.Connection:
        """Transactions of SQLAlchemy go over it too, so that what it has read of the file stays true."""
        if self._raw is None:
            self._raw = _raw_connection(self._writing)
            self._checkpoints.leave_to_us(self._raw)
        return self._raw

    def _raw_reading(self) -> sqlite3.Connection:
        if self._raw_to_read is None:
            self._raw_to_read = _raw_connection(self._reading)
        return self._raw_to_read

    # ----------------------------------------------------------------------------------------------

    async def migrate(self, work: Callable[[Connection], None]) -> None:
        """Runs ``work`` on a connection of its own that does not enforce foreign keys.

        A table that is altered is copied and dropped by turns (Alembic's batch mode), while others refer
        to it.
        """
        engine = self._engine(NullPool)
        event.listen(engine, "begin", _begin)
        event.listen(engine, "connect", _configure_for_migration)
        try:
            await self._in_thread(engine, work)
        finally:
            engine.dispose()

    async def close(self) -> None:
        """Closes every connection."""
        self._checkpoints.end()
        await self._thread.run(self._writing.dispose)
        self._thread.end()
        await self._reader.run(self._reading.dispose)
        self._reader.end()

    def _engine(self, pool: type[NullPool] | type[StaticPool]) -> Engine:
        return create_engine(
            URL.create("sqlite", database=self.name),
            poolclass=pool,
            connect_args={"isolation_level": None},  # the driver begins nothing by itself
            hide_parameters=True,  # errors are logged; numbers and messages are not
        )

    async def _in_thread(self, engine: Engine, work: Callable[[Connection], Result]) -> Result:
        def transaction() -> Result:
            with engine.begin() as connection:
                return work(connection)

        return await self._thread.run(transaction)


class _Execution:
    """A transaction of the driver's (store.Execution)."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def many(self, text: str, rows: Sequence[Row]) -> None:
        """The statements are compiled once, and kept by the driver.

        The driver gives the interpreter away for each step of a statement, and gets it back when the event
        loop pauses: rows that are inserted together wait for that once, and not each for itself.
        """
        place = 0
        for number in _TOGETHER:
            while len(rows) - place >= number and (one := _inserting(text, number)):
                values = chain.from_iterable(rows[place : place + number])
                self._cursor.execute(one, tuple(values))
                place += number
        if place < len(rows):
            self._cursor.executemany(text, rows[place:] if place else rows)

    def rows(self, text: str, parameters: Row) -> Sequence[Row]:
        """All of them."""
        return self._cursor.execute(text, parameters).fetchall()


@lru_cache(maxsize=64)
def _inserting(text: str, rows: int) -> str:
    """The statement that inserts so many rows where this one inserts one; empty if it does not insert."""
    before, values, after = (
        _VALUES.split(text, maxsplit=1) if text.startswith("INSERT") else ("", "", "")
    )
    return f"{before}{', '.join([values] * rows)}{after}" if values else ""


def _nothing(*_: object) -> None:
    """Before there is a store there is nothing to be committed."""


def _raw_connection(engine: Engine) -> sqlite3.Connection:
    """The connection of an engine that has one."""
    pooled = engine.raw_connection()
    raw: sqlite3.Connection = pooled.driver_connection  # type: ignore[assignment]  # it is open
    pooled.close()  # back to its pool, which keeps it
    return raw


def _known(error: sqlite3.Error, engine: Engine) -> BaseException:
    """The error as SQLAlchemy would have raised it, without what was to be written."""
    return DBAPIError.instance(
        None, None, error, sqlite3.Error, hide_parameters=True, dialect=engine.dialect
    )


def _make_private(path: Path) -> None:
    """A new database is for its owner alone, whatever the umask and the directory; SQLite gives the
    files beside it the same mode. What is wrong with the place, SQLite will say."""
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _begin(connection: Connection) -> None:
    """Takes the write lock at once: what a transaction has read stays true until it has written."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _configure(connection: Any, _record: object) -> None:
    """Durable on power loss (FULL), readers beside the writer (WAL), patient with other processes."""
    _set(connection, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


def _configure_for_migration(connection: Any, _record: object) -> None:
    _set(connection, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF")


def _set(connection: Any, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", *pragmas):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
