"""Calls summed up by hour and by day, on both databases."""

import pytest

from onhook.store import AttemptRecord, NotificationOutcome, Store, Writes
from onhook.store.figures import (
    DAY_MS,
    HOUR_MS,
    Step,
    Told,
    summed_calls,
    summed_notifications,
)
from store.samples import APPLICATION, call, notification


async def test_calls_are_summed_by_step_and_currency(store: Store) -> None:
    long = {"answered_ms": HOUR_MS + 4000, "duration_ms": 90_000, "debit": "0.123456"}
    await store.add_application(APPLICATION)
    await store.submit(
        Writes(
            calls=(
                call("S1", began_ms=HOUR_MS, **long),
                call("S2", began_ms=HOUR_MS + 5, cause="busy", ended_by="callee"),
                call("S3", began_ms=HOUR_MS + 6, cause="hangup", ended_by="network"),
                call("S4", began_ms=HOUR_MS + 7, currency="EUR", debit="1.000"),
                call("S5", began_ms=3 * HOUR_MS),
                call("S6", began_ms=HOUR_MS - 1),
                call("S7", began_ms=4 * HOUR_MS),
            )
        )
    )
    found = await summed_calls(store, HOUR_MS, 4 * HOUR_MS, HOUR_MS)
    assert found == [
        Step(HOUR_MS, "EUR", 1, 0, 0, 0, 0, 1_000_000),
        Step(HOUR_MS, "SGD", 3, 1, 1, 90_000, 4000, 123_456),
        Step(3 * HOUR_MS, "SGD", 1, 0, 0, 0, 0, 0),
    ]
    [day] = [one for one in await summed_calls(store, 0, DAY_MS, DAY_MS) if one.currency == "SGD"]
    assert (day.begin_ms, day.calls) == (0, 6)


async def test_attempts_are_summed_by_when_their_calls_began(store: Store) -> None:
    await store.add_application(APPLICATION)
    told = notification("S1", 1)
    tries = (
        AttemptRecord(told.notification_id, 1, 5, 30, 500, ""),
        AttemptRecord(told.notification_id, 2, 6, 10, None, "refused"),
        AttemptRecord(told.notification_id, 3, 7, 20, 204, ""),
    )
    outcome = NotificationOutcome(told.notification_id, "delivered", 3, 5, None)
    first = Writes(calls=(call("S1", began_ms=HOUR_MS + 1),), notifications=(told,))
    await store.submit(first)
    await store.submit(Writes(attempts=tries, outcomes=(outcome,)))
    found = await summed_notifications(store, 0, 2 * HOUR_MS, HOUR_MS)
    assert found == [Told(HOUR_MS, 3, 2, 60)]


async def test_a_question_is_bounded(store: Store) -> None:
    with pytest.raises(ValueError, match="more than 400"):
        await summed_calls(store, 0, 401 * HOUR_MS, HOUR_MS)
