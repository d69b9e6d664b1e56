"""The clocks of the process."""

import math

import pytest

from onhook.calls.clock import SettledClock

DAY_S = 86400.0
START = 1_700_000_000.0


class Clocks:
    """A wall clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.set_by_s = 0.0

    def wall(self) -> float:
        return START + self.passed_s + self.set_by_s

    def monotonic(self) -> float:
        return 5000.0 + self.passed_s

    def settled(self, patience_s: float = DAY_S) -> SettledClock:
        return SettledClock(patience_s, self.wall, self.monotonic)


@pytest.mark.parametrize("set_by_s", [-3600.0, 43_200.0, 365 * DAY_S])
def test_a_clock_that_was_set_is_believed_a_day_later(set_by_s: float) -> None:
    clocks = Clocks()
    settled = clocks.settled()
    clocks.set_by_s = set_by_s
    for hour in range(24):
        clocks.passed_s = hour * 3600.0
        assert settled.now() == START + clocks.passed_s
    clocks.passed_s = DAY_S
    assert settled.now() == clocks.wall()


def test_one_that_was_set_back_again_was_never_believed() -> None:
    clocks = Clocks()
    settled = clocks.settled()
    for day in range(10):
        clocks.passed_s, clocks.set_by_s = day * DAY_S, (day % 2) * 365 * DAY_S
        assert settled.now() == START + clocks.passed_s


def test_small_corrections_are_followed() -> None:
    clocks = Clocks()
    settled = clocks.settled()
    for step in range(100):
        clocks.passed_s, clocks.set_by_s = step * 3600.0, step * 10.0
        assert settled.now() == clocks.wall()


def test_one_that_never_settles() -> None:
    clocks = Clocks()
    settled = clocks.settled(math.inf)
    clocks.set_by_s = DAY_S
    for day in range(100):
        clocks.passed_s = day * DAY_S
        assert settled.now() == START + clocks.passed_s
