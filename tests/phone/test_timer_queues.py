"""Waits in queues run when they would have run by themselves, and few of them need a timer."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone.timer_queues import TimerQueues
from onhook.phone.timers import Clock, TimerHandle
from phone.peer import VirtualClock

DELAYS_S = (0.5, 1.0, 4.0, 32.0)


class CountingClock(VirtualClock):
    """Counts the timers that were set."""

    def __init__(self) -> None:
        super().__init__()
        self.set = 0

    def call_later(self, delay: float, callback: Callable[..., object], /, *args: Any) -> Any:
        self.set += 1
        return super().call_later(delay, callback, *args)


Step = tuple[str, int]
_STEPS = st.lists(
    st.tuples(st.just("wait"), st.integers(0, len(DELAYS_S) - 1))
    | st.tuples(st.just("cancel"), st.integers(0, 20))
    | st.tuples(st.just("advance"), st.integers(0, 500)),
    max_size=60,
)


def run(clock: VirtualClock, timers: Clock, steps: list[Step]) -> dict[int, float]:
    """What ran, and when."""
    ran: dict[int, float] = {}
    handles: list[TimerHandle] = []

    def due(number: int) -> None:
        assert number not in ran
        ran[number] = clock.now_s

    for what, number in steps:
        if what == "wait":
            handles.append(timers.call_later(DELAYS_S[number], due, len(handles)))
        elif what == "cancel" and handles:
            handles[number % len(handles)].cancel()
        elif what == "advance":
            clock.advance(number / 100)
    return ran


@given(_STEPS)
def test_it_is_the_clock_that_it_stands_above(steps: list[Step]) -> None:
    plain, clock = VirtualClock(), VirtualClock()
    assert run(clock, TimerQueues(clock), steps) == pytest.approx(run(plain, plain, steps))


def test_what_runs_sets_and_takes_back_others() -> None:
    clock = VirtualClock()
    timers = TimerQueues(clock)
    ran: list[tuple[float, str]] = []

    def first() -> None:
        ran.append((clock.now_s, "first"))
        second.cancel()
        timers.call_later(0.5, lambda: ran.append((clock.now_s, "third")))

    timers.call_later(0.5, first)
    second = timers.call_later(0.5, lambda: ran.append((clock.now_s, "second")))
    clock.advance(0.7)
    assert clock.pending == 1
    clock.advance(0.7)
    assert ran == [(0.5, "first"), (1.0, "third")]
    assert clock.pending == 0


def test_thousands_need_one_timer() -> None:
    clock = CountingClock()
    timers = TimerQueues(clock)
    ran: list[int] = []
    handles = [timers.call_later(0.5, ran.append, number) for number in range(5000)]
    for handle in handles[:-1]:
        handle.cancel()
    assert clock.set == 1
    clock.advance(0.5)
    assert ran == [4999]
    assert clock.pending == 0


def test_nothing_is_left_when_all_are_taken_back() -> None:
    clock = CountingClock()
    timers = TimerQueues(clock)
    handles = [timers.call_later(32.0, print) for _ in range(10)]
    for handle in handles + handles:
        handle.cancel()
    assert clock.pending == 0
    clock.advance(100)


def test_what_raises_keeps_nothing_else_from_running() -> None:
    clock = VirtualClock()
    timers = TimerQueues(clock)
    ran: list[int] = []

    def fail() -> None:
        raise RuntimeError("what runs is broken")

    timers.call_later(0.5, fail)
    timers.call_later(0.5, ran.append, 1)
    with pytest.raises(RuntimeError):
        clock.advance(1)
    clock.advance(1)
    assert ran == [1]
    assert clock.pending == 0


def test_what_was_taken_back_does_not_pile_up() -> None:
    clock = VirtualClock()
    timers = TimerQueues(clock)
    kept = timers.call_later(32.0, print)
    for _ in range(100_000):
        timers.call_later(32.0, print).cancel()
    (queue,) = timers._queues.values()
    assert len(queue._waits) < 2000
    kept.cancel()
    assert not queue._waits
