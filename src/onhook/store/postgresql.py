"""PostgreSQL through asyncpg, for installations with several processes or a database team.

The group commit has a connection of its own that it keeps. When the server was restarted under it, the
transaction that finds out is run again on a new connection, once; while the server is away, writes
fail, and later ones work again. Connections for queries are tried before they are used.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import Connection, Executable, Table, text
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from onhook.store.committing import ConnectionExecution, LoopCommitter
from onhook.store.database import (
    DatabaseUnreachable,
    Found,
    Guard,
    Result,
    Row,
    Settle,
    StoreError,
    Write,
)

_CONNECT_S = 5.0
_STATEMENT_S = 30.0
"""No statement of ours takes long; one that hangs must not hang the calls."""

_IDLE_S = 10
"""A process that stands still in the middle of a transaction keeps its locks for no longer: on its lease
waits whoever takes its calls over."""

_CONNECTIONS = 5
_MORE_CONNECTIONS = 15
_SCHEMA_LOCK = 0x6F6E686F6F6B  # "onhook"; any number that is ours
_LET_GO = f"SET idle_in_transaction_session_timeout = '{_IDLE_S}s'"
_EXAMPLE = "postgresql://user:password@host:5432/database"
_OPTIONS = ("host", "port", "sslmode")


class Postgresql:
    """A database on a PostgreSQL server (store.Database). Raises :class:`StoreError` for a bad URL."""

    shared = True

    def __init__(self, database_url: str) -> None:
        url = _checked(database_url)
        self.name = _name(url)
        self._url = url
        self.guard: Guard | None = None
        self.engine: AsyncEngine = create_async_engine(
            URL.create("postgresql+asyncpg"),
            async_creator=self._connection,
            hide_parameters=True,  # errors are logged; numbers and messages are not
            pool_pre_ping=True,
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
        )
        self.dialect = self.engine.dialect
        self._writing: AsyncConnection | None = None
        self._let_go = False
        """Whether the server was told of _IDLE_S on that connection."""
        self._turn = asyncio.Lock()

    def insert(self, table: Table) -> Insert:
        """An INSERT in PostgreSQL's dialect."""
        return Insert(table)

    async def query(self, statement: Executable) -> Sequence[Found]:
        """All that a query finds, on a connection of the pool. Raises SQLAlchemyError."""
        async with self.engine.connect() as connection:
            return (await connection.execute(statement)).all()

    async def look_up(self, text: str, parameters: Row) -> Sequence[Row]:
        """All that it finds, on a connection of the pool. Raises SQLAlchemyError."""
        async with self.engine.connect() as connection:
            return (await connection.exec_driver_sql(text, tuple(parameters))).all()

    async def transact(self, work: Callable[[Connection], Result]) -> Result:
        """Runs ``work`` in a transaction, once more if the connection was lost. Raises SQLAlchemyError."""
        async with self._turn:
            try:
                return await self._attempt(work)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            return await self._attempt(work)

    def committer(self, write: Write, settle: Settle) -> LoopCommitter:
        """Each batch is a transaction."""
        return LoopCommitter(self.transact, write, settle)

    async def migrate(self, work: Callable[[Connection], None]) -> None:
        """Runs ``work`` while no other process that uses this database does the same."""

        def alone(connection: Connection) -> None:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})
            work(connection)

        await self.transact(alone)

    async def close(self) -> None:
        """Closes every connection."""
        async with self._turn:
            await self._drop()
        await self.engine.dispose()

    async def _attempt(self, work: Callable[[Connection], Result]) -> Result:
        """One try on the connection that is kept, which is dropped for whatever is not SQL's fault."""
        if self._writing is None:
            self._writing = await self.engine.connect()
        connection = self._writing
        guard = self.guard

        def guarded(sync: Connection) -> Result:
            if guard is not None:
                if not self._let_go:
                    sync.exec_driver_sql(_LET_GO)
                guard(ConnectionExecution(sync))
            return work(sync)

        try:
            async with connection.begin():
                result = await connection.run_sync(guarded)
            self._let_go = guard is not None
            return result
        except SQLAlchemyError:
            if connection.invalidated:
                await self._drop()
            raise
        except OSError as error:
            await self._drop()
            raise DatabaseUnreachable(_reason(error)) from error
        except BaseException:  # cancelled in the middle: nobody knows what the connection is doing
            await self._drop()
            raise

    async def _drop(self) -> None:
        connection, self._writing, self._let_go = self._writing, None, False
        if connection is not None:
            await connection.invalidate()
            await connection.close()

    async def _connection(self) -> asyncpg.Connection:
        """A new connection. Raises :class:`DatabaseUnreachable`."""
        try:
            return await asyncpg.connect(**_arguments(self._url))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise DatabaseUnreachable(_reason(error)) from error


def _checked(database_url: str) -> URL:
    """The URL, if it is one of PostgreSQL's. The message does not repeat it: it holds a password."""
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise StoreError(f"--database-url is not a database URL such as {_EXAMPLE}.") from None
    if url.drivername not in ("postgresql", "postgres"):
        raise StoreError(f"--database-url has to begin with postgresql://, as in {_EXAMPLE}.")
    if not url.database:
        raise StoreError(f"--database-url names no database; it looks like {_EXAMPLE}.")
    unknown = sorted(set(url.query) - set(_OPTIONS))
    if unknown:
        raise StoreError(
            f"--database-url has the option {unknown[0]}, which is none of {', '.join(_OPTIONS)}."
        )
    return url


def _option(url: URL, name: str) -> str | None:
    """An option of the URL's query; of several values the first."""
    value = url.query.get(name)
    return value if value is None or isinstance(value, str) else value[0]


def _name(url: URL) -> str:
    host = url.host or _option(url, "host") or "localhost"
    return f"{host}:{url.port or _option(url, 'port') or 5432}/{url.database}"


def _arguments(url: URL) -> Mapping[str, Any]:
    """What asyncpg calls the parts of the URL; what is not in it comes from the PG* variables."""
    port = url.port or _option(url, "port")
    arguments = {
        "host": url.host or _option(url, "host"),
        "port": int(port) if port else None,
        "user": url.username,
        "password": url.password,
        "database": url.database,
        "ssl": _option(url, "sslmode"),
    }
    return {
        **{name: value for name, value in arguments.items() if value is not None},
        "timeout": _CONNECT_S,
        "command_timeout": _STATEMENT_S,
        "server_settings": {"application_name": "onhook"},
    }


def _reason(error: Exception) -> str:
    """Why there is no connection, for a person; drivers do not put passwords into these."""
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
