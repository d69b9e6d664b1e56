"""Which new calls are turned away: by the lag of the loop, and by a limit for an address."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from onhook.server.admission import FEW, Admission
from onhook.server.loop_lag import EVERY_S, SELDOM_S, LoopLag, Timer


class FakeLoop:
    """A loop whose time goes on when told, and how long its thread was busy in all."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.busy_s = 3.0
        self._due: tuple[float, Callable[[], object]] | None = None

    def time(self) -> float:
        return self.now_s

    def cancel(self) -> None:
        self._due = None

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        self._due = (self.now_s + delay, callback)
        return self

    def passes(self, seconds: float, busy_s: float = 0.0) -> None:
        """One thing is done for so long; then what is due runs."""
        self.now_s += seconds
        self.busy_s += busy_s
        if self._due is not None and self._due[0] <= self.now_s:
            callback = self._due[1]
            self._due = None
            callback()


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def lag(loop: FakeLoop) -> LoopLag:
    made = LoopLag(loop, busy_s=lambda: loop.busy_s)
    made.start()
    return made


def test_a_loop_that_has_time_is_not_late(loop: FakeLoop, lag: LoopLag) -> None:
    for _ in range(5):
        loop.passes(EVERY_S, 0.01)
    assert lag.seconds == pytest.approx(0.0)


def test_work_makes_it_late_and_rest_makes_it_good(loop: FakeLoop, lag: LoopLag) -> None:
    for _ in range(40):
        loop.passes(0.12, 0.12)
    assert lag.seconds == pytest.approx(0.1, rel=0.01)
    for _ in range(100):
        loop.passes(EVERY_S)
    assert lag.seconds < 0.01


def test_a_loop_that_has_nothing_to_do_is_seldom_looked_at_until_it_has_or_a_call_comes(
    loop: FakeLoop,
) -> None:
    seen: list[float] = []
    lag = LoopLag(loop, seen.append, busy_s=lambda: loop.busy_s)
    lag.start()
    for _ in range(1000):
        loop.passes(EVERY_S)
    assert len(seen) < 1.2 * 1000 * EVERY_S / SELDOM_S + 6
    loop.passes(SELDOM_S + 0.1, 0.2)
    seen.clear()
    for _ in range(10):
        loop.passes(EVERY_S, EVERY_S / 2)
    assert len(seen) == 10
    for _ in range(1000):
        loop.passes(EVERY_S)
    seen.clear()
    Admission(lag, loop.time, most_lag_s=1.0).admits("192.0.2.7")
    loop.passes(EVERY_S)
    assert len(seen) == 1


def test_one_long_piece_of_work_is_no_overload(loop: FakeLoop, lag: LoopLag) -> None:
    loop.passes(0.08, 0.08)
    assert 0 < lag.seconds < 0.02


def test_it_is_late_before_it_can_look(loop: FakeLoop, lag: LoopLag) -> None:
    loop.now_s += 4.0
    loop.busy_s += 4.0
    assert lag.seconds == pytest.approx(4.0, rel=0.02)


def test_a_machine_that_stood_still_is_no_lag_of_the_loop(loop: FakeLoop, lag: LoopLag) -> None:
    loop.passes(5.0, 0.001)
    assert lag.seconds == pytest.approx(0.001, rel=0.01)


def test_what_was_observed_is_told(loop: FakeLoop) -> None:
    seen: list[float] = []
    lag = LoopLag(loop, seen.append, busy_s=lambda: loop.busy_s)
    lag.start()
    loop.passes(0.12, 0.12)
    lag.stop()
    loop.passes(1.0, 1.0)
    assert seen == [pytest.approx(0.1)]
    assert lag.seconds == 0.0


def overload(loop: FakeLoop) -> None:
    for _ in range(5):
        loop.passes(0.2, 0.2)


def test_a_crowd_is_shed_while_the_loop_is_late(loop: FakeLoop, lag: LoopLag) -> None:
    admission = Admission(lag, loop.time, most_lag_s=0.05)
    overload(loop)
    with capture_logs() as events:
        admitted = [admission.admits("192.0.2.1") for _ in range(FEW + 10)]
        assert admitted == [True] * FEW + [False] * 10  # a few are no crowd, however late it is
        loop.passes(1.2, 1.2)
        assert [admission.admits("192.0.2.1") for _ in range(FEW + 1)] == [True] * FEW + [False]
    assert [(event["event"], event["calls"]) for event in events] == [
        ("calls_shed", 1), ("calls_shed", 10),
    ]  # fmt: skip


def test_a_crowd_is_taken_while_there_is_time(loop: FakeLoop, lag: LoopLag) -> None:
    admission = Admission(lag, loop.time, most_lag_s=0.05)
    assert all(admission.admits("192.0.2.1") for _ in range(10 * FEW))


def test_nobody_is_shed_where_nobody_wants_it(loop: FakeLoop, lag: LoopLag) -> None:
    admission = Admission(lag, loop.time, most_lag_s=0)
    overload(loop)
    assert all(admission.admits("192.0.2.1") for _ in range(10 * FEW))


def test_a_limit_for_an_address(loop: FakeLoop, lag: LoopLag) -> None:
    admission = Admission(lag, loop.time, most_lag_s=0, per_s=2)
    assert [admission.admits("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert admission.admits("192.0.2.2")
    loop.now_s += 0.5
    assert [admission.admits("192.0.2.1") for _ in range(2)] == [True, False]
    loop.now_s += 60
    assert [admission.admits("192.0.2.1") for _ in range(3)] == [True, True, False]
