"""What the group commits of both databases have in common, and the one that runs on the event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from onhook.store.database import (
    DatabaseUnreachable,
    Row,
    Settle,
    Submitted,
    Write,
)
from onhook.store.lease import LeaseLost

EVERYBODYS: Final = (OperationalError, InterfaceError, DatabaseUnreachable, LeaseLost)
"""The database's own trouble (away, full, read-only): no write of the batch would fare better alone."""


def breaks_alone(batch: Sequence[Submitted], error: Exception) -> bool:
    """Whether one write of a batch may be to blame, so that each is to be tried alone."""
    return len(batch) > 1 and not isinstance(error, EVERYBODYS)


class ConnectionExecution:
    """A transaction of SQLAlchemy, for whoever has the text of statements (store.Execution)."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def many(self, text: str, rows: Sequence[Row]) -> None:
        """One `executemany`."""
        self._connection.exec_driver_sql(text, list(map(tuple, rows)))

    def rows(self, text: str, parameters: Row) -> Sequence[Row]:
        """All of them."""
        return self._connection.exec_driver_sql(text, tuple(parameters)).all()


class LoopCommitter:
    """Commits on the event loop, in a task that is there while there is something to commit.

    ``transact`` runs work in a transaction, perhaps twice; see Database.transact.
    """

    def __init__(
        self,
        transact: Callable[[Callable[[Connection], None]], Awaitable[None]],
        write: Write,
        settle: Settle,
    ) -> None:
        self._transact = transact
        self._write = write
        self._settle = settle
        self._waiting: list[Submitted] = []
        self._task: asyncio.Task[None] | None = None

    def commit(self, batch: list[Submitted]) -> None:
        """Begins at once, if it is idle."""
        self._waiting += batch
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="store-writer")

    async def finished(self) -> None:
        """Waits until nothing waits."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._commit(batch)
        finally:
            self._task = None

    async def _commit(self, batch: Sequence[Submitted]) -> None:
        writes = [writes for writes, _ in batch]
        try:
            await self._transact(lambda one: self._write(ConnectionExecution(one), writes))
        except Exception as error:  # noqa: BLE001  # handed to everyone who waits for it
            if not breaks_alone(batch, error):
                self._settle(batch, error)
                return
            for one in batch:
                await self._commit([one])
        else:
            self._settle(batch, None)
