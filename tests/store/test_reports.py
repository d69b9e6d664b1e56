"""What an operator finds in the store, and what is sent once more."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from onhook.store import (
    AttemptRecord,
    NotificationContext,
    NotificationOutcome,
    Store,
    Writes,
)
from onhook.store.reports import (
    REPLAY,
    NotificationReport,
    Wanted,
    ask_for_replay,
    call_report,
    calls_during,
    claim_replays,
    find_calls,
    find_notifications,
    notification_report,
)
from store.samples import APPLICATION, call, notification

OTHER = replace(APPLICATION, app_id="b" * 16, token_hash="i" * 64)


@pytest.fixture
async def filled(store: Store) -> Store:
    """Three calls of two applications; the first was told twice, in vain and then not."""
    await store.add_application(APPLICATION)
    await store.add_application(OTHER)
    calls = (
        call("S1", began_ms=1000, state="ended", ended_ms=9000, sequence=2),
        call("S2", began_ms=2000, facts=NotificationContext(always=(("trunk", "carrier"),))),
        call("S3", began_ms=3000, app_id=OTHER.app_id),
    )
    told = (
        notification("S1", 1, created_ms=1000),
        notification("S1", 2, created_ms=9000),
        notification("S3", 1, created_ms=3000, app_id=OTHER.app_id),
    )
    tried = (
        AttemptRecord("msg_S1_1", 2, 20, 5, 200, ""),
        AttemptRecord("msg_S1_1", 1, 10, 5, None, "connection refused"),
        AttemptRecord("msg_S1_2", 1, 30, 5, 410, ""),
    )
    outcomes = (
        NotificationOutcome("msg_S1_1", "delivered", 2, 10, None),
        NotificationOutcome("msg_S1_2", "given_up", 1, 30, None),
    )
    await store.submit(Writes(calls, told, tried, outcomes))
    return store


@pytest.mark.parametrize(
    ("wanted", "sessions"),
    [
        (Wanted(), ["S3", "S2", "S1"]),
        (Wanted(limit=2), ["S3", "S2"]),
        (Wanted(state="ended"), ["S1"]),
        (Wanted(session="S2"), ["S2"]),
        (Wanted(until_ms=2000), ["S1"]),
        (Wanted(since_ms=2000, until_ms=3000), ["S2"]),
        (Wanted(number="+6598765432"), ["S3", "S2", "S1"]),
        (Wanted(number="98765432"), ["S3", "S2", "S1"]),
        (Wanted(number="9876%"), []),
        (Wanted(outcome="answered"), []),
        (Wanted(outcome="missed"), ["S1"]),
        (Wanted(outcome="busy"), []),
        (Wanted(trunk="carrier"), ["S2"]),
        (Wanted(trunk="c%"), []),
        (Wanted(app_id=OTHER.app_id), ["S3"]),
        (Wanted(since_ms=2000), ["S3", "S2"]),
        (Wanted(since_ms=2001, state="ringing", app_id=APPLICATION.app_id), []),
    ],
)
async def test_calls_are_found(filled: Store, wanted: Wanted, sessions: list[str]) -> None:
    assert [one.session for one in await find_calls(filled, wanted)] == sessions


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Wanted(), ["msg_S1_2", "msg_S3_1", "msg_S1_1"]),
        (Wanted(limit=1), ["msg_S1_2"]),
        (Wanted(session="S1"), ["msg_S1_2", "msg_S1_1"]),
        (Wanted(state="pending"), ["msg_S3_1"]),
        (Wanted(app_id=OTHER.app_id), ["msg_S3_1"]),
        (Wanted(since_ms=3000), ["msg_S1_2", "msg_S3_1"]),
    ],
)
async def test_notifications_are_found(filled: Store, wanted: Wanted, ids: list[str]) -> None:
    found = await find_notifications(filled, wanted)
    assert [one.notification_id for one in found] == ids


@pytest.mark.parametrize("key", ["S1", "AA-C-S1"])
async def test_a_call_is_shown_with_all_that_was_told_of_it(filled: Store, key: str) -> None:
    report = await call_report(filled, key)
    assert report is not None
    assert report.call == await filled.call("S1")
    assert [one.notification.sequence for one in report.notifications] == [1, 2]
    assert [[t.number for t in one.attempts] for one in report.notifications] == [[1, 2], [1]]


async def test_a_notification_is_shown_with_its_attempts_in_order(filled: Store) -> None:
    report = await notification_report(filled, "msg_S1_1")
    assert report is not None
    assert [attempt.status for attempt in report.attempts] == [None, 200]
    untried = await notification_report(filled, "msg_S3_1")
    assert untried is not None
    assert untried.attempts == []


async def test_what_is_not_there_is_not_shown(filled: Store) -> None:
    assert await call_report(filled, "nobody") is None
    assert await notification_report(filled, "nobody") is None


@pytest.mark.parametrize("which", ["msg_S1_1", "msg_S1_2"])
async def test_a_replay_is_claimed_once_and_is_pending_then(filled: Store, which: str) -> None:
    assert await ask_for_replay(filled, which, 777)
    asked = await _report(filled, which)
    assert asked.notification.state == REPLAY
    assert not any(one.notification_id == which for one in await filled.undelivered("me"))
    [claimed] = await claim_replays(filled)
    assert claimed.notification_id == which
    assert (claimed.first_attempt_ms, claimed.next_ms) == (777, None)
    assert claimed.attempts == len(asked.attempts)
    assert any(one.notification_id == which for one in await filled.undelivered("me"))
    assert await claim_replays(filled) == ()


async def test_what_is_pending_is_not_replayed(filled: Store) -> None:
    assert not await ask_for_replay(filled, "msg_S3_1", 777)
    assert not await ask_for_replay(filled, "nobody", 777)
    assert await claim_replays(filled) == ()


async def test_asking_twice_is_asking_once(filled: Store) -> None:
    assert await ask_for_replay(filled, "msg_S1_1", 777)
    assert await ask_for_replay(filled, "msg_S1_1", 778)
    assert len(await claim_replays(filled)) == 1


async def test_of_two_processes_one_gets_a_replay(
    filled: Store, tmp_path: Path, database_url: str
) -> None:
    other = await Store.open(tmp_path, database_url)
    for which in ("msg_S1_1", "msg_S1_2"):
        await ask_for_replay(filled, which, 777)
    claimed = await asyncio.gather(*[claim_replays(store) for store in (filled, other) * 4])
    ids = sorted(one.notification_id for some in claimed for one in some)
    assert ids == ["msg_S1_1", "msg_S1_2"]
    await other.close()


async def _report(store: Store, notification_id: str) -> NotificationReport:
    report = await notification_report(store, notification_id)
    assert report is not None
    return report


async def test_what_went_on_at_a_time_is_found(filled: Store) -> None:
    """What has not ended goes on."""
    for from_ms, until_ms, sessions in (
        (0, 1000, []),
        (0, 1001, ["S1"]),
        (9000, 9001, ["S3", "S2", "S1"]),
        (9001, 9002, ["S3", "S2"]),
    ):
        found = await calls_during(filled, Wanted(), from_ms, until_ms)
        assert [one.session for one in found] == sessions
