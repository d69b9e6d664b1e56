"""Group commit: writes of concurrent calls share a transaction, so durability costs little.

While one transaction is on its way to the disk, what arrives meanwhile is gathered for the next. A write
that somebody waits for never waits for company: an idle writer begins at once. One that nobody waits for
(how far deliveries have come, what a report shows) is taken along by the next that does not wait, or
soon goes alone: it costs no flush of its own while there is anything else to be written, and whoever does
wait finds the writer idle.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Dialect,
    Insert,
    Table,
    Update,
    bindparam,
    func,
    literal_column,
    update,
)

from onhook.call import Notification
from onhook.store import replies, schema
from onhook.store.committing import EVERYBODYS
from onhook.store.database import Database, Execution, Submitted, Told
from onhook.store.debits import Booking
from onhook.store.json_columns import JsonColumn
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


PATIENCE_S = 0.02
"""How long a write that nobody waits for may wait for company."""


class Writer:
    """Commits submitted writes in the order of their submission. Use it on one event loop."""

    def __init__(self, database: Database) -> None:
        self._statements = _Statements(database)
        self._booking = Booking(database)
        self._committer = database.committer(self._write, self._settle)
        self._patient: list[Submitted] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self.hear: Callable[[Exception | None], None] = lambda _: None
        """Hears of every commit: None, or why the database could not make it."""

    def submit(self, writes: Writes, told: Told, *, patient: bool = False) -> None:
        """Has ``told`` called once ``writes`` are on disk, or cannot be.

        A ``patient`` write may wait for others for a moment, and keeps its place among them.
        """
        if self._closed:
            raise RuntimeError("the store is closed")
        batch = self._patient
        batch.append((writes, told))
        if not patient:
            self._hand_over()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._hand_over)

    async def close(self) -> None:
        """Waits until everything submitted is on disk."""
        self._closed = True
        self._hand_over()
        await self._committer.finished()

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._patient:
            batch, self._patient = self._patient, []
            self._committer.commit(batch)

    def _settle(self, batch: Sequence[Submitted], error: Exception | None) -> None:
        """Everybody is told, whatever becomes of whom was told before."""
        for _, told in batch:
            try:
                told(error)
            except Exception as failure:  # noqa: BLE001  # as if each were a callback of its own
                context = {"message": "a write's listener failed", "exception": failure}
                asyncio.get_running_loop().call_exception_handler(context)
        if error is None or isinstance(error, EVERYBODYS):
            self.hear(error)

    def _write(self, execution: Execution, batch: Sequence[Writes]) -> None:
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
            statement.run(execution, records)
        entries = self._booking.book(execution, [debit for w in batch for debit in w.debits])
        self._statements.entry.run(execution, entries)


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

    def run(self, execution: Execution, records: Iterable[Record]) -> None:
        """One `executemany`; nothing for no records."""
        rows = [self._values(record) for record in records]
        if self._json:
            rows = [self._written(row) for row in rows]
        if rows:
            execution.many(self._text, rows)

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
        self.call = _Statement(_upsert(schema.calls, database, _OF_THE_FIRST_WRITE), dialect)
        self.notification = _Statement(told, dialect, new)
        self.attempt = _Statement(_upsert(schema.attempts, database), dialect)
        self.outcome = _Statement(stands, dialect)
        self.refused = _Statement(_upsert(schema.refused_requests, database), dialect)
        self.alive = _Statement(_upsert(schema.workers, database), dialect)
        self.entry = _Statement(database.insert(schema.ledger), dialect)
        self.reply = _Statement(replies.keep(database), dialect)


_OF_THE_FIRST_WRITE = frozenset(
    {
        "txn_ref",
        "app_id",
        "account_id",
        "owner",
        "direction",
        "from_number",
        "to_number",
        "began_ms",
    }
)
"""What of a call never becomes another. Left as it is, its indexes are left alone, and nobody looks again
whether the application and the account are there."""


def _upsert(table: Table, database: Database, left: frozenset[str] = frozenset()) -> Insert:
    """INSERT … ON CONFLICT DO UPDATE of everything but the key, and what is to be ``left`` as it is."""
    statement = database.insert(table)
    key = [column.name for column in table.primary_key]
    kept = {*key, *left}
    changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in kept}
    statement = statement.on_conflict_do_update(index_elements=key, set_=changed)
    return statement
