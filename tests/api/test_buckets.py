"""Token buckets."""

import pytest

from onhook.api.buckets import REMEMBERED, Buckets


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_so_many_at_once_and_then_as_they_are_refilled(clock: Clock) -> None:
    buckets = Buckets(3, 60.0, clock)
    assert [buckets.take("a") for _ in range(3)] == [0.0] * 3
    assert buckets.take("a") == pytest.approx(20.0)
    clock.now += 15
    assert buckets.take("a") == pytest.approx(5.0)
    assert buckets.take("b") == 0.0
    clock.now += 5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == pytest.approx(20.0)
    clock.now += 1000
    assert [buckets.take("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_a_crowd_empties_nobody_elses_memory(clock: Clock) -> None:
    """Whoever asks often is still known when very many others have asked once."""
    buckets = Buckets(5, 60.0, clock)
    taken = 0
    for number in range(2 * REMEMBERED):
        clock.now += 1e-6
        assert buckets.take(f"once {number}") == 0.0
        if number % 1000 == 0:
            taken += buckets.take("often") == 0.0
    assert taken == 5
