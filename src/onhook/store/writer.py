"""Group commit: writes of concurrent calls share a transaction, so durability costs little.

While one transaction is on its way to the disk, what arrives meanwhile is gathered for the next. A
write never waits for company: an idle writer begins at once.
"""

import asyncio
from collections.abc import Iterable

from sqlalchemy import Insert, Table, Update, bindparam, func, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from onhook.store import schema
from onhook.store.records import (
    AttemptRecord,
    CallRecord,
    NotificationOutcome,
    NotificationRecord,
    Writes,
)

Record = CallRecord | NotificationRecord | AttemptRecord | NotificationOutcome


_Submitted = tuple[Writes, asyncio.Future[None]]


class Writer:
    """Commits submitted writes in the order of their submission."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._statements = _Statements(engine.dialect.name)
        self._waiting: list[_Submitted] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def submit(self, writes: Writes) -> "asyncio.Future[None]":
        """A future that is done once ``writes`` are on disk, or holds the database's error."""
        if self._closed:
            raise RuntimeError("the store is closed")
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((writes, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="store-writer")
        return future

    async def close(self) -> None:
        """Waits until everything submitted is on disk."""
        self._closed = True
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._commit(batch)
        finally:
            self._task = None

    async def _commit(self, batch: list[_Submitted]) -> None:
        """Commits a batch; where one write breaks it, each alone, so that only that one fails."""
        try:
            async with self._engine.begin() as connection:
                await self._write(connection, [writes for writes, _ in batch])
        except Exception as error:  # noqa: BLE001  # handed to everyone who waits for it
            if len(batch) > 1:
                for submitted in batch:
                    await self._commit([submitted])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for _, future in batch:
            if not future.done():
                future.set_result(None)

    async def _write(self, connection: AsyncConnection, batch: list[Writes]) -> None:
        """One executemany a table. Of several states of a call only the last needs to be written."""
        calls = {call.session: call for writes in batch for call in writes.calls}
        outcomes = {
            outcome.notification_id: outcome for writes in batch for outcome in writes.outcomes
        }
        steps: tuple[tuple[Insert | Update, Iterable[Record]], ...] = (
            (self._statements.call, calls.values()),
            (self._statements.notification, [n for w in batch for n in w.notifications]),
            (self._statements.attempt, [a for w in batch for a in w.attempts]),
            (self._statements.outcome, outcomes.values()),
        )
        for statement, records in steps:
            rows = [_row(record) for record in records]
            if rows:
                await connection.execute(statement, rows)


class _Statements:
    """The four statements of a commit, compiled once by SQLAlchemy's cache."""

    def __init__(self, dialect: str) -> None:
        self.call = _upsert(schema.calls, dialect)
        self.notification = insert(schema.notifications)
        self.attempt = _upsert(schema.attempts, dialect)
        table = schema.notifications
        self.outcome = (
            update(table)
            .where(table.c.notification_id == bindparam("notification_id_"))
            .values(
                state=bindparam("state_"),
                attempts=bindparam("attempts_"),
                first_attempt_ms=func.coalesce(
                    table.c.first_attempt_ms, bindparam("first_attempt_ms_")
                ),
                next_ms=bindparam("next_ms_"),
            )
        )


def _upsert(table: Table, dialect: str) -> Insert:
    """INSERT … ON CONFLICT DO UPDATE of everything but the key."""
    postgres = dialect == "postgresql"
    statement = postgresql.Insert(table) if postgres else sqlite.Insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return statement


def _row(record: Record) -> dict[str, object]:
    row = {name: getattr(record, name) for name in record.__slots__}
    if isinstance(record, NotificationOutcome):  # its columns are bound by other names than SET's
        return {f"{name}_": value for name, value in row.items()}
    return row
