"""What happens to calls, for whoever watches: all that is known of those that go on, began lately, or are
still being told of."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select

from onhook.call import State
from onhook.store import schema
from onhook.store.records import AttemptRecord, CallRecord, RefusedRequest, StoredNotification
from onhook.store.reports import WAITING, CallReport, NotificationReport, Wanted, narrowed_calls

if TYPE_CHECKING:
    from onhook.store.sql import Store

_LIVE = tuple(state.value for state in State if state is not State.ENDED)
_TOGETHER = 400
"""Calls that one query names."""


async def live_calls(store: "Store", wanted: Wanted) -> Sequence[CallRecord]:
    """Calls that go on, the oldest first. Raises StoreError."""
    calls = schema.calls.c
    found = narrowed_calls(wanted).where(calls.state.in_(_LIVE)).order_by(None)
    return await store.records(CallRecord, found.order_by(calls.began_ms, calls.session))


async def stirring(
    store: "Store", wanted: Wanted, since_ms: int, known: Collection[str]
) -> Sequence[CallReport]:
    """Of the calls that are wanted those that go on, began since then, are still being told of, or are
    ``known``. Raises StoreError."""
    calls, told = schema.calls.c, schema.notifications.c
    of_any = calls.app_id.in_(
        select(schema.applications.c.app_id)
    )  # whose index has the time behind it
    waiting = select(told.session).where(told.state.in_(WAITING))
    conditions: list[ColumnElement[bool]] = [
        calls.state.in_(_LIVE),
        of_any & (calls.began_ms >= since_ms),
        calls.session.in_(waiting),
        *(calls.session.in_(part) for part in _parts(sorted(known))),
    ]
    found: dict[str, CallRecord] = {}
    for condition in conditions:
        records = await store.records(CallRecord, narrowed_calls(wanted).where(condition))
        found |= {one.session: one for one in records}
    reports: list[CallReport] = []
    for part in _parts(list(found)):
        reports += await _reports(store, [found[session] for session in part])
    return reports


async def _reports(store: "Store", records: Sequence[CallRecord]) -> Sequence[CallReport]:
    told, tried, refused = schema.notifications, schema.attempts, schema.refused_requests
    sessions = [one.session for one in records]
    mine = select(told).where(told.c.session.in_(sessions)).order_by(told.c.sequence)
    notifications = await store.records(StoredNotification, mine)
    ids = [one.notification_id for one in notifications]
    attempts: list[AttemptRecord] = []
    for part in _parts(ids):
        which = select(tried).where(tried.c.notification_id.in_(part)).order_by(tried.c.number)
        attempts += await store.records(AttemptRecord, which)
    in_vain = select(refused).where(refused.c.session.in_(sessions)).order_by(refused.c.number)
    requests = await store.records(RefusedRequest, in_vain)
    return [
        CallReport(
            call,
            [
                NotificationReport(
                    one, [each for each in attempts if each.notification_id == one.notification_id]
                )
                for one in notifications
                if one.session == call.session
            ],
            [one for one in requests if one.session == call.session],
        )
        for call in records
    ]


def _parts(items: Sequence[str]) -> Sequence[Sequence[str]]:
    return [items[start : start + _TOGETHER] for start in range(0, len(items), _TOGETHER)]
