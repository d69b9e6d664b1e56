"""What an operator asks of the store: calls, notifications, attempts, and a notification once more.

A notification that is to be sent again is marked ``replay``; a running server claims it, which makes it
``pending``, and hands it to its outbox. States are indexed, so that asking for marked ones every second
costs next to nothing, however many notifications are pending.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, Text, or_, select, type_coerce, update

from onhook.store import schema
from onhook.store.noted import AuditEntry
from onhook.store.records import AttemptRecord, CallRecord, RefusedRequest, StoredNotification

if TYPE_CHECKING:
    from onhook.store.sql import Store

REPLAY = "replay"
"""The state of a notification that was delivered or given up, and is wanted once more."""
WAITING = ("pending", REPLAY)
"""States of notifications that are still to be delivered."""

_LONGEST_MS = 24 * 3_600_000
"""What is found of a stretch of time began at most so long before it."""
_LATELY_MS = (6 * 3_600_000, 10 * 24 * 3_600_000)
"""Where the newest calls are looked for first."""
_AT_ONCE = 100
"""How many are claimed at a time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls, or notifications of which calls; None is any. The newest ``limit`` of them."""

    session: str | None = None
    state: str | None = None
    app_id: str | None = None
    since_ms: int | None = None
    """When a call began, or a notification was made: then or later."""
    limit: int = 50
    until_ms: int | None = None
    """The same: before then."""
    number: str | None = None
    """Of calls: who called or was called; in E.164, or its last digits, without ``+``."""
    outcome: str | None = None
    """Of calls: ``answered``, ``missed`` (it ended without an answer), or the ``cause`` of its end."""
    trunk: str | None = None
    """Of calls: the trunk that it came or left by."""


@dataclass(frozen=True, slots=True)
class NotificationReport:
    """A notification, and every try to deliver it, in order."""

    notification: StoredNotification
    attempts: Sequence[AttemptRecord]


@dataclass(frozen=True, slots=True)
class CallReport:
    """A call with its bill, and what was told of it, in order."""

    call: CallRecord
    notifications: Sequence[NotificationReport]
    refused: Sequence[RefusedRequest] = ()
    """Requests for it that were refused, in order; not all, if they were many."""


async def find_calls(store: "Store", wanted: Wanted) -> Sequence[CallRecord]:
    """Calls, the newest first. Raises :class:`StoreError`."""
    if wanted.session is None and wanted.since_ms is None and wanted.until_ms is None:
        # The newest are mostly of late, which an index finds; all calls at once would have to be sorted.
        now_ms = round(time.time() * 1000)
        for lately_ms in _LATELY_MS:
            late = narrowed_calls(replace(wanted, since_ms=now_ms - lately_ms))
            found = await store.records(CallRecord, late)
            if len(found) >= wanted.limit:
                return found
    return await store.records(CallRecord, narrowed_calls(wanted))


def narrowed_calls(wanted: Wanted) -> Select[Any]:
    """The query of the calls that are wanted, the newest first."""
    table = schema.calls
    newest = select(table).order_by(table.c.began_ms.desc(), table.c.session).where(*_of(wanted))
    return _narrowed(newest, table.c, table.c.began_ms, wanted)


async def calls_during(
    store: "Store", wanted: Wanted, from_ms: int, until_ms: int
) -> Sequence[CallRecord]:
    """Of the calls that are wanted those that went on at some time from ``from_ms`` to before ``until_ms``.

    Raises :class:`StoreError`.
    """
    ended = schema.calls.c.ended_ms
    found = narrowed_calls(replace(wanted, since_ms=from_ms - _LONGEST_MS, until_ms=until_ms))
    during = found.where(ended.is_(None) | (ended >= from_ms))
    return await store.records(CallRecord, during)


async def find_notifications(store: "Store", wanted: Wanted) -> Sequence[StoredNotification]:
    """Notifications, the newest first. Raises :class:`StoreError`."""
    table = schema.notifications
    order = (table.c.created_ms.desc(), table.c.session, table.c.sequence.desc())
    newest = select(table).order_by(*order)
    return await store.records(
        StoredNotification, _narrowed(newest, table.c, table.c.created_ms, wanted)
    )


async def call_report(store: "Store", session_or_txn_ref: str) -> CallReport | None:
    """The call with this session or this txn_ref, what was told of it, and what was refused.

    Raises :class:`StoreError`.
    """
    table = schema.calls
    key = (table.c.session == session_or_txn_ref) | (table.c.txn_ref == session_or_txn_ref)
    calls = await store.records(CallRecord, select(table).where(key))
    if not calls:
        return None
    told = schema.notifications
    mine = select(told).where(told.c.session == calls[0].session).order_by(told.c.sequence)
    refused = schema.refused_requests
    in_vain = select(refused).where(refused.c.session == calls[0].session)
    return CallReport(
        calls[0],
        await _reports(store, mine),
        await store.records(RefusedRequest, in_vain.order_by(refused.c.number)),
    )


async def notification_report(store: "Store", notification_id: str) -> NotificationReport | None:
    """The notification with this id. Raises :class:`StoreError`."""
    table = schema.notifications
    found = await _reports(store, select(table).where(table.c.notification_id == notification_id))
    return found[0] if found else None


async def ask_for_replay(
    store: "Store", notification_id: str, now_ms: int, noted: AuditEntry | None = None
) -> bool:
    """Marks a delivered or given-up notification; False if there is none such.

    It keeps its id and its attempts. The time after which it is given up counts from now. Raises
    :class:`StoreError`.
    """
    table = schema.notifications
    statement = (
        update(table)
        .where(table.c.notification_id == notification_id)
        .where(table.c.state.in_(("delivered", "given_up", REPLAY)))
        .values(state=REPLAY, first_attempt_ms=now_ms, next_ms=None, not_before_ms=None)
    )
    return await store.change(statement, noted)


async def claim_replays(store: "Store") -> Sequence[StoredNotification]:
    """Makes marked notifications pending and returns them; of several processes one gets each.

    If the connection is lost in the middle, two processes may get the same one, but never none. Raises
    :class:`StoreError` or SQLAlchemyError.
    """
    table = schema.notifications
    marked = select(table).where(table.c.state == REPLAY)
    found = await store.records(
        StoredNotification, marked.order_by(table.c.session, table.c.sequence).limit(_AT_ONCE)
    )
    if not found:
        return ()
    ids = [notification.notification_id for notification in found]
    mark = table.c.notification_id.in_(ids) & (table.c.state == REPLAY)
    claim = update(table).where(mark).values(state="pending").returning(table.c.notification_id)
    claimed: set[str] = set()

    def work(connection: Connection) -> None:
        claimed.update(connection.execute(claim).scalars())

    await store.database.transact(work)
    return [notification for notification in found if notification.notification_id in claimed]


async def _reports(store: "Store", notifications: Select[Any]) -> Sequence[NotificationReport]:
    found = await store.records(StoredNotification, notifications)
    table = schema.attempts
    ids = notifications.with_only_columns(schema.notifications.c.notification_id).order_by(None)
    tried = await store.records(
        AttemptRecord,
        select(table).where(table.c.notification_id.in_(ids)).order_by(table.c.number),
    )
    return [
        NotificationReport(
            one, [try_ for try_ in tried if try_.notification_id == one.notification_id]
        )
        for one in found
    ]


def _of(wanted: Wanted) -> Sequence[ColumnElement[bool]]:
    """What only calls are asked for."""
    calls = schema.calls.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.number is not None:
        said = (calls.from_number, calls.to_number, calls.dest_number)
        whole = wanted.number.startswith("+")
        conditions.append(
            or_(
                *[
                    column == wanted.number
                    if whole
                    else column.endswith(wanted.number, autoescape=True)
                    for column in said
                ]
            )
        )
    if wanted.outcome == "answered":
        conditions.append(calls.answered_ms.is_not(None))
    elif wanted.outcome == "missed":
        conditions += [calls.answered_ms.is_(None), calls.ended_ms.is_not(None)]
    elif wanted.outcome is not None:
        conditions.append(calls.cause == wanted.outcome)
    if wanted.trunk is not None:
        # As it stands in the texts of the columns, in which somebody else's quotation mark has a backslash.
        named = f'"trunk": {json.dumps(wanted.trunk)}'
        texts = [type_coerce(column, Text) for column in (calls.facts, calls.dialog)]
        conditions.append(or_(*[text.contains(named, autoescape=True) for text in texts]))
    if wanted.app_id is None and (wanted.since_ms is not None or wanted.until_ms is not None):
        # Of every application: so the index serves that has them before the time.
        conditions.append(calls.app_id.in_(select(schema.applications.c.app_id)))
    return conditions


def _narrowed(statement: Select[Any], columns: Any, when: Any, wanted: Wanted) -> Select[Any]:
    for name in ("session", "state", "app_id"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(columns[name] == value)
    if wanted.since_ms is not None:
        statement = statement.where(when >= wanted.since_ms)
    if wanted.until_ms is not None:
        statement = statement.where(when < wanted.until_ms)
    return statement.limit(wanted.limit)
