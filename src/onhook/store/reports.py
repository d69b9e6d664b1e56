"""What an operator asks of the store: calls, notifications, attempts, and a notification once more.

A notification that is to be sent again is marked ``replay``; a running server claims it, which makes it
``pending``, and hands it to its outbox. States are indexed, so that asking for marked ones every second
costs next to nothing, however many notifications are pending.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, select, update
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import schema
from onhook.store.database import StoreError
from onhook.store.records import AttemptRecord, CallRecord, RefusedRequest, StoredNotification

if TYPE_CHECKING:
    from onhook.store.sql import Store

REPLAY = "replay"
"""The state of a notification that was delivered or given up, and is wanted once more."""

_AT_ONCE = 100
"""How many are claimed at a time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls, or notifications of which calls; None is any. The newest ``limit`` of them."""

    session: str | None = None
    state: str | None = None
    app_id: str | None = None
    since_ms: int | None = None
    """When a call began, or a notification was made."""
    limit: int = 50


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
    table = schema.calls
    newest = select(table).order_by(table.c.began_ms.desc(), table.c.session)
    return await store.records(CallRecord, _narrowed(newest, table.c, table.c.began_ms, wanted))


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


async def ask_for_replay(store: "Store", notification_id: str, now_ms: int) -> bool:
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
    try:
        return await store.database.transact(
            lambda connection: connection.execute(statement).rowcount > 0
        )
    except SQLAlchemyError as error:
        raise StoreError(f"The database refused a change: {type(error).__name__}.") from error


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


def _narrowed(statement: Select[Any], columns: Any, when: Any, wanted: Wanted) -> Select[Any]:
    for name in ("session", "state", "app_id"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(columns[name] == value)
    if wanted.since_ms is not None:
        statement = statement.where(when >= wanted.since_ms)
    return statement.limit(wanted.limit)
