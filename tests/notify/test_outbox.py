import asyncio
from itertools import pairwise
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.doubles import (
    START,
    MemoryStore,
    ScriptedClient,
    VirtualTime,
    notification,
    secrets_of,
    settle,
)
from onhook.notify.attempt import UNTRIED, AttemptOutcome, DeliveryProgress
from onhook.notify.outbox import SPREAD_S, Outbox
from onhook.notify.replies import PostResult
from onhook.notify.schedule import RetrySchedule
from onhook.notify.signatures import AppSecrets

DAY_S = 24 * 3600.0
BUSY = PostResult(503)
DEAD = PostResult(None, error="the connection was refused")


class Office:
    """An outbox with doubles of everything around it."""

    def __init__(self, script: dict[str, list[Any]] | None = None, **options: Any) -> None:
        self.time = VirtualTime()
        self.store = MemoryStore()
        self.client = ScriptedClient(script or {})
        self.outbox = Outbox(
            self.store,
            self.client,
            options.pop("secrets_of", secrets_of),
            clock=self.time.clock,
            monotonic=self.time.monotonic,
            call_later=self.time.call_later,
            **options,
        )

    @property
    def sent(self) -> list[str]:
        return [name for _, name in self.client.sent]

    def assert_nothing_is_left(self) -> None:
        assert len(self.outbox) == self.outbox.lanes == self.time.waiting == 0
        assert not self.outbox._slots._hosts


async def test_delivered_at_once_and_recorded() -> None:
    office = Office()
    office.outbox.deliver(notification("a"))
    await settle()
    [record] = office.store.records
    assert (record.id, record.outcome, record.next_at) == ("a", AttemptOutcome.DELIVERED, None)
    assert (record.attempt.number, record.attempt.at) == (1, START)
    assert (record.attempt.status, record.attempt.error) == (200, None)
    assert record.attempt.duration_ms >= 0
    assert office.client.deadlines == [15]
    office.assert_nothing_is_left()


async def test_the_first_attempt_needs_two_turns_of_the_loop() -> None:
    office = Office()
    office.outbox.deliver(notification("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert office.sent == ["a"]
    await office.outbox.close()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_2xx_is_delivered(status: int) -> None:
    office = Office({"example.com": [PostResult(status)]})
    office.outbox.deliver(notification("a"))
    await settle()
    assert office.store.outcomes("a") == [AttemptOutcome.DELIVERED]


@pytest.mark.parametrize("status", [100, 101, 301, 302, 307, 400, 401, 404, 429, 500, 503])
async def test_anything_else_is_tried_again(status: int) -> None:
    office = Office({"example.com": [PostResult(status), PostResult(200)]})
    office.outbox.deliver(notification("a"))
    await settle()
    [record] = office.store.records
    assert (record.outcome, record.next_at) == (AttemptOutcome.FAILED, START + 5)
    assert (record.attempt.error is not None) == (300 <= status < 400)
    await office.time.pass_until()
    assert office.store.outcomes("a") == [AttemptOutcome.FAILED, AttemptOutcome.DELIVERED]
    office.assert_nothing_is_left()


async def test_one_session_is_served_in_order_through_failures() -> None:
    office = Office({"example.com": [PostResult(200), BUSY, DEAD, PostResult(200)]})
    for name in "abcd":
        office.outbox.deliver(notification(name))
    await settle()
    assert office.sent == ["a", "b"]  # c waits until b is settled
    await office.time.pass_until()
    assert office.sent == ["a", "b", "b", "b", "c", "d"]
    assert [record.attempt.number for record in office.store.records] == [1, 1, 2, 3, 1, 1]
    office.assert_nothing_is_left()


async def test_the_next_leaves_only_after_the_record() -> None:
    recording, recorded = asyncio.Event(), asyncio.Event()

    class SlowStore(MemoryStore):
        async def record_attempt(self, *args: Any) -> None:
            recording.set()
            await recorded.wait()
            await super().record_attempt(*args)

    client = ScriptedClient()
    outbox = Outbox(SlowStore(), client, secrets_of)
    outbox.deliver(notification("a"))
    outbox.deliver(notification("b"))
    await recording.wait()
    await settle()
    assert client.sent == [("example.com", "a")]
    recorded.set()
    await settle()
    assert client.sent == [("example.com", "a"), ("example.com", "b")]


async def test_a_day_of_retries() -> None:
    office = Office({"dead.example": [DEAD]})
    office.outbox.deliver(notification("a", host="dead.example"))
    office.outbox.deliver(notification("b", host="alive.example"))
    await office.time.pass_until()
    times = [round(time) for time in office.store.times("a")]
    assert times[:7] == [0, 5, 35, 155, 755, 2555, 6155]
    assert DAY_S - 3600 < times[-1] <= DAY_S
    outcomes = office.store.outcomes("a")
    assert outcomes == [AttemptOutcome.FAILED] * (len(times) - 1) + [AttemptOutcome.GIVEN_UP]
    # What the store knows of the future is what then happened.
    records = [record for record in office.store.records if record.id == "a"]
    assert [record.next_at for record in records[:-1]] == pytest.approx(
        [record.attempt.at for record in records[1:]]
    )
    assert records[-1].attempt.error == "the connection was refused"
    assert office.store.times("b") == pytest.approx(office.store.times("a")[-1:])
    office.assert_nothing_is_left()


async def test_an_injected_schedule() -> None:
    office = Office({"example.com": [BUSY]}, schedule=RetrySchedule((1, 2), 6))
    office.outbox.deliver(notification("a"))
    await office.time.pass_until()
    assert office.store.times("a") == [0, 1, 3, 5]


async def test_410_stops() -> None:
    office = Office({"example.com": [BUSY, PostResult(410, retry_after_s=5), PostResult(200)]})
    office.outbox.deliver(notification("a"))
    office.outbox.deliver(notification("b"))
    await office.time.pass_until()
    assert office.store.outcomes("a") == [AttemptOutcome.FAILED, AttemptOutcome.GIVEN_UP]
    assert office.store.outcomes("b") == [AttemptOutcome.DELIVERED]


async def test_retry_after_is_honoured() -> None:
    office = Office(
        {"example.com": [PostResult(429, retry_after_s=100), PostResult(503, retry_after_s=1e9)]}
    )
    office.outbox.deliver(notification("a"))
    await office.time.pass_until(START + 99)
    assert office.store.times("a") == [0]
    await office.time.pass_until()
    assert office.store.times("a") == [0, 100, DAY_S]
    assert office.store.outcomes("a")[-1] is AttemptOutcome.GIVEN_UP


@pytest.mark.parametrize("set_by_s", [-3600.0, 12 * 3600.0, -30 * DAY_S, 30 * DAY_S])
async def test_setting_the_wall_clock_makes_nothing_earlier_or_later(set_by_s: float) -> None:
    office = Office({"example.com": [BUSY]})
    office.outbox.deliver(notification("a"))
    await settle()
    office.time.set_by_s = set_by_s
    await office.time.pass_until(START + 154)
    times = [record.attempt.at - START for record in office.store.records]
    assert times == [0, 5 + set_by_s, 35 + set_by_s]
    assert office.store.records[-1].next_at == START + 155 + set_by_s  # what an operator reads
    office.time.set_by_s = 0.0
    await office.time.pass_until()
    assert office.store.outcomes("a")[-1] is AttemptOutcome.GIVEN_UP
    assert DAY_S - 3600 < office.store.times("a")[-1] <= DAY_S


async def test_retry_after_outlives_the_wall_clock_too() -> None:
    office = Office({"example.com": [PostResult(503, retry_after_s=60), PostResult(200)]})
    office.outbox.deliver(notification("a"))
    await settle()
    office.time.set_by_s = 3600.0
    await office.outbox.drain(10)
    assert office.sent == ["a"]


async def test_a_first_attempt_of_tomorrow_was_made_just_now() -> None:
    """The wall clock was set back while no process ran: the day counts from now, and not from then."""
    office = Office({"example.com": [BUSY]})
    office.outbox.deliver(
        notification("a"), DeliveryProgress(first_attempt_at=START + DAY_S, attempts=1)
    )
    await office.time.pass_until()
    assert office.store.outcomes("a")[-1] is AttemptOutcome.GIVEN_UP
    assert DAY_S - 3600 < office.store.times("a")[-1] <= DAY_S


async def test_lanes_do_not_wait_for_one_another() -> None:
    never = asyncio.Event()
    office = Office({"stalled.example": [never], "dead.example": [DEAD]})
    for i in range(50):
        office.outbox.deliver(notification(f"s{i}", f"stalled-{i}", "stalled.example"))
        office.outbox.deliver(notification(f"d{i}", f"dead-{i}", "dead.example"))
    office.outbox.deliver(notification("a", "S", "alive.example"))
    office.outbox.deliver(notification("b", "S", "alive.example"))
    await settle()
    assert office.store.outcomes("a") == office.store.outcomes("b") == [AttemptOutcome.DELIVERED]
    await office.outbox.close()


async def test_one_host_does_not_take_all_the_room() -> None:
    never = asyncio.Event()
    office = Office({"stalled.example": [never]}, at_once=10, at_once_per_host=4)
    for i in range(100):
        office.outbox.deliver(notification(f"s{i}", f"s{i}", "stalled.example"))
    await settle()
    for i in range(100):
        office.outbox.deliver(notification(f"a{i}", f"a{i}", "alive.example"))
    await office.time.pass_until()
    assert office.client.most["stalled.example"] == 4
    assert office.client.most["alive.example"] <= 6
    assert len(office.store.records) == 100
    await office.outbox.close()


async def test_what_was_begun_before_a_restart_goes_on() -> None:
    office = Office({"example.com": [BUSY]})
    office.outbox.deliver(
        notification("a"),
        DeliveryProgress(first_attempt_at=START - 600, attempts=4, next_at=START + 155),
    )
    office.outbox.deliver(notification("b"))
    await settle()
    assert office.sent == []  # not before its time, and b not before a
    await office.time.pass_until(START + 156)
    [record] = office.store.records
    assert (record.attempt.number, record.attempt.at) == (5, START + 155)
    assert record.next_at == START + 155 + 1800
    await office.time.pass_until(START - 600 + DAY_S)
    assert office.store.outcomes("a")[-1] is AttemptOutcome.GIVEN_UP
    await office.outbox.close()


async def test_what_is_pending_at_a_start_is_tried_at_once_and_the_schedule_is_as_it_was() -> None:
    """One was tried at a SIGTERM (its 2nd attempt), and is due by the schedule 5 s after its first."""
    office = Office({"example.com": [BUSY]})
    waits = DeliveryProgress(first_attempt_at=START - 1, attempts=2, scheduled=1, next_at=START + 4)
    office.outbox.resume([(notification("a"), waits)])
    await office.time.pass_until(START + 200)
    assert office.store.times("a") == [0, 4, 34, 154]
    assert [record.attempt.number for record in office.store.records] == [3, 4, 5, 6]
    assert [record.attempt.scheduled for record in office.store.records] == [1, 2, 3, 4]
    await office.outbox.close()


async def test_an_attempt_before_its_time_leaves_the_next_one_to_the_millisecond() -> None:
    """Also where the two clocks are not read in the same instant, as on a busy machine."""
    office = Office({"example.com": [BUSY]})
    waits = DeliveryProgress(first_attempt_at=START - 1, attempts=1, next_at=START + 4)
    office.outbox.resume([(notification("a"), waits)])
    office.time.set_by_s = 0.007
    await settle()
    await office.time.pass_until(START)
    assert [record.next_at for record in office.store.records] == [START + 4]
    await office.outbox.close()


async def test_what_is_pending_at_a_start_stays_in_order() -> None:
    office = Office({"example.com": [BUSY, PostResult(200)]})
    office.outbox.resume(
        [
            (
                notification("a"),
                DeliveryProgress(first_attempt_at=START - 9, attempts=1, next_at=START + 60),
            ),
            (notification("b"), UNTRIED),
        ]
    )
    office.outbox.deliver(notification("c"))
    await office.time.pass_until()
    assert office.sent == ["a", "a", "b", "c"]
    assert office.store.times("a") == [0, 60]
    office.assert_nothing_is_left()


async def test_a_receiver_that_asked_to_be_left_alone_is_left_alone_at_a_start() -> None:
    office = Office({"example.com": [PostResult(503, retry_after_s=100), PostResult(503)]})
    office.outbox.deliver(notification("a"))
    await settle()
    [record] = office.store.records
    assert record.attempt.not_before == START + 100
    later = Office({"example.com": [PostResult(200)]})
    later.outbox.resume(
        [
            (
                notification("a"),
                DeliveryProgress(
                    first_attempt_at=START,
                    attempts=1,
                    scheduled=1,
                    next_at=record.next_at,
                    not_before=record.attempt.not_before,
                ),
            )
        ]
    )
    await later.time.pass_until()
    assert later.store.times("a") == [100]
    await office.outbox.close()


@pytest.mark.parametrize("sessions", [3, 1000])
async def test_what_is_pending_at_a_start_leaves_one_after_the_other(sessions: int) -> None:
    office = Office()
    office.outbox.resume([(notification(f"{i}", f"S{i}"), UNTRIED) for i in range(sessions)])
    await office.time.pass_until()
    times = sorted(record.attempt.at - START for record in office.store.records)
    assert len(times) == sessions
    assert times[0] == 0
    assert times[-1] <= min(SPREAD_S, sessions * 0.01)
    assert len({round(time, 4) for time in times}) == sessions
    office.assert_nothing_is_left()


async def test_an_attempt_at_the_end_takes_none_of_the_schedule() -> None:
    office = Office({"example.com": [DEAD]})
    office.outbox.deliver(notification("a"))
    await office.time.pass_until(START + 6)  # two attempts; the third is due 30 s after the second
    await office.outbox.drain(10)
    tried = [(r.attempt.number, r.attempt.scheduled, r.next_at) for r in office.store.records]
    assert tried == [(1, 1, START + 5), (2, 2, START + 35), (3, 2, START + 35)]


async def test_the_first_attempt_at_the_end_is_one_of_the_schedule() -> None:
    go = asyncio.Event()
    office = Office({"example.com": [go, BUSY, BUSY]})
    office.outbox.deliver(notification("a"))
    draining = asyncio.create_task(office.outbox.drain(10))
    await settle()
    go.set()
    assert await draining == 1
    [record] = office.store.records
    assert (record.attempt.scheduled, record.next_at) == (1, START + 5)


async def test_overdue_after_a_restart() -> None:
    office = Office({"example.com": [BUSY]})
    office.outbox.deliver(
        notification("a"),
        DeliveryProgress(first_attempt_at=START - 2 * DAY_S, attempts=9, next_at=START - DAY_S),
    )
    await settle()
    assert office.store.outcomes("a") == [AttemptOutcome.GIVEN_UP]
    office.assert_nothing_is_left()


async def test_the_same_one_is_not_taken_twice() -> None:
    office = Office({"example.com": [BUSY, PostResult(200)]})
    for _ in range(3):
        office.outbox.deliver(notification("a"))
        await settle()
    await office.time.pass_until()
    assert office.sent == ["a", "a"]


async def test_a_store_that_fails_makes_nothing_leave_twice() -> None:
    office = Office()
    office.store.failures = 20
    with structlog.testing.capture_logs() as logs:
        office.outbox.deliver(notification("a"))
        office.outbox.deliver(notification("b"))
        await office.time.pass_until()
    assert office.sent == ["a", "b"]
    assert [record.id for record in office.store.records] == ["a", "b"]
    assert [log["event"] for log in logs].count("outbox_lane_stands") == 20
    office.assert_nothing_is_left()


async def test_secrets_that_cannot_be_looked_up_cost_no_attempt() -> None:
    failures = 3

    async def unreliable(app_id: str) -> AppSecrets | None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise ConnectionError
        return AppSecrets("token")

    office = Office(secrets_of=unreliable)
    office.outbox.deliver(notification("a"))
    await office.time.pass_until()
    [record] = office.store.records
    assert (record.attempt.number, record.outcome) == (1, AttemptOutcome.DELIVERED)
    office.assert_nothing_is_left()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"app_id": "gone"}, "application"),
        ({"url": "ftp://example.com/"}, "http://"),
        ({"url": "http://127.1/"}, "plain notation"),
        ({"app_id": "broken"}, "whsec_"),
    ],
)
async def test_what_can_never_be_sent_is_given_up(changes: dict[str, Any], why: str) -> None:
    async def some_secrets(app_id: str) -> AppSecrets | None:
        return AppSecrets("token", ("broken",)) if app_id == "broken" else await secrets_of(app_id)

    office = Office(secrets_of=some_secrets)
    office.outbox.deliver(notification("a", **changes))
    office.outbox.deliver(notification("b"))
    await settle()
    first, second = office.store.records
    assert first.outcome is AttemptOutcome.GIVEN_UP
    assert why in (first.attempt.error or "")
    assert (second.id, second.outcome) == ("b", AttemptOutcome.DELIVERED)
    office.assert_nothing_is_left()


async def test_logs_say_nothing_private() -> None:
    office = Office({"example.com": [PostResult(410)]})
    private = notification("a", fields={"from": "+6511111111", "digits": "1234", "tag": "secret"})
    with structlog.testing.capture_logs() as logs:
        office.outbox.deliver(private)
        await settle()
    assert [log["outcome"] for log in logs] == ["given_up"]
    assert not any(word in str(logs) for word in ("+65", "1234", "secret", "token", "notify?"))


async def test_drain_attempts_once_what_waits() -> None:
    office = Office(
        {
            "recovered.example": [BUSY, PostResult(200)],
            "dead.example": [DEAD],
            "later.example": [PostResult(503, retry_after_s=60)],
        }
    )
    for host in ("recovered", "dead", "later"):
        office.outbox.deliver(notification(f"{host}-1", host, f"{host}.example"))
        office.outbox.deliver(notification(f"{host}-2", host, f"{host}.example"))
    await settle()
    office.client.sent.clear()
    left = await office.outbox.drain(10)
    assert sorted(office.sent) == ["dead-1", "recovered-1", "recovered-2"]
    assert left == 4
    assert office.store.outcomes("dead-1") == [AttemptOutcome.FAILED] * 2
    assert office.time.waiting == 0


async def test_drain_takes_what_ends_meanwhile_and_nothing_afterwards() -> None:
    go = asyncio.Event()
    office = Office({"slow.example": [go, PostResult(200)], "dead.example": [DEAD]})
    office.outbox.deliver(notification("slow", "A", "slow.example"))
    office.outbox.deliver(notification("dead", "B", "dead.example"))
    await settle()
    draining = asyncio.create_task(office.outbox.drain(10))
    await settle()
    office.outbox.deliver(notification("new", "C", "alive.example"))
    office.outbox.deliver(notification("behind", "B", "dead.example"))
    await settle()
    go.set()
    assert await draining == 2
    assert (
        office.store.outcomes("new") == office.store.outcomes("slow") == [AttemptOutcome.DELIVERED]
    )
    assert office.sent.count("dead") == 2
    office.outbox.deliver(notification("too-late", "D"))
    await settle()
    assert "too-late" not in office.sent


async def test_drain_gives_up_at_its_deadline() -> None:
    never = asyncio.Event()
    office = Office({"stalled.example": [never]})
    office.outbox.deliver(notification("a", "A", "stalled.example"))
    await settle()
    assert await office.outbox.drain(0.05) == 1
    assert office.store.records == []
    office.assert_nothing_is_left()


async def test_attempts_of_the_last_round_end_before_its_deadline() -> None:
    office = Office({"dead.example": [DEAD]})
    office.outbox.deliver(notification("a", "A", "dead.example"))
    await settle()
    await office.outbox.drain(5)
    assert office.client.deadlines[0] == 15
    assert 0 < office.client.deadlines[1] < 5


async def test_draining_an_empty_outbox() -> None:
    assert await Office().outbox.drain(10) == 0


REPLIES = st.sampled_from(
    [PostResult(200), BUSY, DEAD, PostResult(410), PostResult(429, retry_after_s=700)]
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from("ABC"), st.lists(REPLIES, max_size=6)),
    st.lists(st.tuples(st.sampled_from("ABC"), st.floats(0, 5000)), max_size=8),
    st.integers(0, 3),
)
def test_in_order_at_least_once_and_never_early(
    script: dict[str, list[Any]], arrivals: list[tuple[str, float]], store_failures: int
) -> None:
    async def scenario() -> None:
        hosts = {f"{name.lower()}.example": replies for name, replies in script.items()}
        office = Office({host: [*replies, PostResult(200)] for host, replies in hosts.items()})
        office.store.failures = store_failures
        for i, (session, pause_s) in enumerate(arrivals):
            await office.time.pass_until(office.time.now + pause_s)
            office.outbox.deliver(notification(f"{i}", session, f"{session.lower()}.example"))
        await office.time.pass_until()
        for session in "ABC":
            expected = [str(i) for i, (name, _) in enumerate(arrivals) if name == session]
            records = [record for record in office.store.records if record.id in expected]
            settled = [r.id for r in records if r.outcome is not AttemptOutcome.FAILED]
            assert settled == expected  # each once, in order
            assert [r.id for r in records] == sorted((r.id for r in records), key=int)
            for before, after in pairwise(records):
                if before.next_at is not None:
                    assert after.id == before.id
                    assert after.attempt.at >= before.next_at - 0.001
        office.assert_nothing_is_left()

    asyncio.run(scenario())
