"""Group commit: writes of concurrent calls share a transaction, so durability costs little.

While one transaction is on its way to the disk, what arrives meanwhile is gathered for the next. A write
that somebody waits for does not wait for company: an idle writer begins at once. One that nobody waits for
(how far deliveries have come, what a report shows) is taken along by the next that does not wait, or
soon goes alone: it costs no flush of its own while there is anything else to be written, and whoever does
wait finds the writer idle. Only where many writes come each moment are they gathered for a few milliseconds:
a commit costs as much as twenty rows, whatever it holds, and who hurries the most then waits the longest.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
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

THICK, THICK_S = 25, 0.05
"""So many writes within so long a time are a load: seventy calls a second."""

APART_S = 0.004
"""Under a load commits begin so far apart."""


class Writer:
    """Commits submitted writes in the order of their submission. Use it on one event loop."""

    def __init__(self, database: Database, *, gathers: bool = True) -> None:
        """Without ``gathers`` no write waits for company: time may stand still until it is on disk."""
        self._statements = _Statements(database)
        self._booking = Booking(database)
        self._committer = database.committer(self._write, self._settle)
        self._waiting: list[Submitted] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = self._handed_over_s = 0.0
        """When the timer is due, and when something was last handed over, by the loop's clock."""
        self._came_s: deque[float] = deque(maxlen=THICK)
        """When the last writes came."""
        self._closed = False
        self._together = False
        self._gathers = gathers
        self.hear: Callable[[Exception | None], None] = lambda _: None
        """Hears of every commit: None, or why the database could not make it."""

    def submit(self, writes: Writes, told: Told, *, patient: bool = False) -> None:
        """Has ``told`` called once ``writes`` are on disk, or cannot be.

        A ``patient`` write may wait for others for a moment, and keeps its place among them.
        """
        if self._closed:
            raise RuntimeError("the store is closed")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        now_s = self._loop.time()
        self._came_s.append(now_s)
        self._waiting.append((writes, told))
        apart_s = self._handed_over_s + APART_S - now_s if self._is_loaded(now_s) else 0.0
        self._within(self._loop, now_s, max(apart_s, PATIENCE_S) if patient else apart_s)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is submitted within is one transaction: all of it, or nothing if the process dies."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
            self._hand_over()

    def _is_loaded(self, now_s: float) -> bool:
        return len(self._came_s) == THICK and now_s - self._came_s[0] < THICK_S

    def _within(self, loop: asyncio.AbstractEventLoop, now_s: float, delay_s: float) -> None:
        """Hands over what waits: now, or after so long at the latest."""
        if self._together:
            return
        if delay_s <= 0 or not self._gathers:
            self._hand_over()
        elif self._timer is None or now_s + delay_s < self._due_s:
            if self._timer is not None:
                self._timer.cancel()
            self._due_s = now_s + delay_s
            self._timer = loop.call_later(delay_s, self._hand_over)

    async def close(self) -> None:
        """Waits until everything submitted is on disk."""
        self._closed = True
        self._hand_over()
        await self._committer.finished()

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._loop is not None:
            self._handed_over_s = self._loop.time()
            batch, self._waiting = self._waiting, []
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
        dialect = database.dialect
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
