"""Group commit: writes of concurrent calls share a transaction, so durability costs little.

While one transaction is on its way to the disk, what arrives meanwhile is gathered for the next. A
write never waits for company: an idle writer begins at once.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Connection,
    Dialect,
    Insert,
    Table,
    Update,
    bindparam,
    func,
    literal_column,
    update,
)
from sqlalchemy.exc import InterfaceError, OperationalError

from onhook.call import Notification
from onhook.store import replies, schema
from onhook.store.database import Database, DatabaseUnreachable
from onhook.store.debits import Booking
from onhook.store.json_columns import JsonColumn
from onhook.store.lease import LeaseLost
from onhook.store.records import (
    AttemptRecord,
    CallRecord,
    IdempotentReply,
    LedgerEntry,
    NotificationOutcome,
    RefusedRequest,
    WorkerAlive,
    Writes,
)

Record = (
    CallRecord
    | Notification
    | AttemptRecord
    | NotificationOutcome
    | IdempotentReply
    | LedgerEntry
    | RefusedRequest
    | WorkerAlive
)


_Submitted = tuple[Writes, asyncio.Future[None]]

_EVERYBODYS = (OperationalError, InterfaceError, DatabaseUnreachable, LeaseLost)
"""The database's own trouble (away, full, read-only): no write of the batch would fare better alone."""


class Writer:
    """Commits submitted writes in the order of their submission."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = _Statements(database)
        self._booking = Booking(database)
        self._waiting: list[_Submitted] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.hear: Callable[[Exception | None], None] = lambda _: None
        """Hears of every commit: None, or why the database could not make it."""

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
        writes = [writes for writes, _ in batch]
        try:
            await self._database.transact(lambda connection: self._write(connection, writes))
        except Exception as error:  # noqa: BLE001  # handed to everyone who waits for it
            if len(batch) > 1 and not isinstance(error, _EVERYBODYS):
                for submitted in batch:
                    await self._commit([submitted])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            if isinstance(error, _EVERYBODYS):
                self.hear(error)
            return
        for _, future in batch:
            if not future.done():
                future.set_result(None)
        self.hear(None)

    def _write(self, connection: Connection, batch: list[Writes]) -> None:
        """One executemany a table. Of several states of a call only the last needs to be written.

        Runs wherever the database runs its transactions, and perhaps twice: see Database.transact.
        """
        calls = {call.session: call for writes in batch for call in writes.calls}
        outcomes = {
            outcome.notification_id: outcome for writes in batch for outcome in writes.outcomes
        }
        steps: tuple[tuple[_Statement, Iterable[Record]], ...] = (
            (self._statements.call, calls.values()),
            (self._statements.notification, [n for w in batch for n in w.notifications]),
            (self._statements.attempt, [a for w in batch for a in w.attempts]),
            (self._statements.outcome, outcomes.values()),
            (self._statements.reply, [r for w in batch for r in w.replies]),
            (self._statements.refused, [r for w in batch for r in w.refused]),
            (self._statements.alive, [w.alive for w in batch if w.alive][-1:]),
        )
        for statement, records in steps:
            statement.run(connection, records)
        entries = self._booking.book(connection, [debit for w in batch for debit in w.debits])
        self._statements.entry.run(connection, entries)


class _Statement:
    """A statement whose text is made once, and whose parameters are read straight off records.

    SQLAlchemy's own way costs 8 us for a row of a call, and half as much for the others.
    """

    def __init__(
        self, statement: Insert | Update, dialect: Dialect, columns: Sequence[str] | None = None
    ) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=columns)
        self._text = compiled.string
        parameters = compiled.positiontup or ()
        # A parameter of UPDATE may not be named like a column; it has an underscore behind it.
        self._values = attrgetter(*[name.removesuffix("_") for name in parameters])
        types = [compiled.binds[name].type for name in parameters]
        self._json = [(n, of.text) for n, of in enumerate(types) if isinstance(of, JsonColumn)]

    def run(self, connection: Connection, records: Iterable[Record]) -> None:
        """One `executemany`; nothing for no records."""
        rows = [self._values(record) for record in records]
        if self._json:
            rows = [self._written(row) for row in rows]
        if rows:
            connection.exec_driver_sql(self._text, rows)

    def _written(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """The row with values of columns that hold JSON as their text."""
        texts = list(row)
        for place, text in self._json:
            texts[place] = text(row[place])
        return tuple(texts)


class _Statements:
    """The statements that commits are made of; their text is made once."""

    def __init__(self, database: Database) -> None:
        table = schema.notifications
        dialect = database.engine.dialect
        told = (
            database.insert(table)
            .values(state=literal_column("'pending'"), attempts=literal_column("0"))
            .on_conflict_do_nothing(index_elements=["notification_id"])
        )
        new = [field.name for field in fields(Notification)]
        stands = (
            update(table)
            .where(table.c.notification_id == bindparam("notification_id_"))
            .values(
                state=bindparam("state_"),
                attempts=bindparam("attempts_"),
                first_attempt_ms=func.coalesce(
                    table.c.first_attempt_ms, bindparam("first_attempt_ms_")
                ),
                next_ms=bindparam("next_ms_"),
                scheduled=bindparam("scheduled_"),
                not_before_ms=bindparam("not_before_ms_"),
            )
        )
        self.call = _Statement(_upsert(schema.calls, database), dialect)
        self.notification = _Statement(told, dialect, new)
        self.attempt = _Statement(_upsert(schema.attempts, database), dialect)
        self.outcome = _Statement(stands, dialect)
        self.refused = _Statement(_upsert(schema.refused_requests, database), dialect)
        self.alive = _Statement(_upsert(schema.workers, database), dialect)
        self.entry = _Statement(database.insert(schema.ledger), dialect)
        self.reply = _Statement(replies.keep(database), dialect)


def _upsert(table: Table, database: Database) -> Insert:
    """INSERT … ON CONFLICT DO UPDATE of everything but the key."""
    statement = database.insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return statement
