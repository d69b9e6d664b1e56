"""Durations and money."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.billing import Bill, Rate, bill, money

RATE = Rate("SGD", Decimal("0.020"))


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [
        (0, 1),
        (0.001, 1),
        (59.999, 1),
        (60, 1),
        (60.001, 2),
        (119.999, 2),
        (120, 2),
        (120.001, 3),
    ],
)
def test_a_minute_that_was_begun_counts_whole(seconds: float, minutes: int) -> None:
    came_to = bill(RATE, 1000.0, 1000.0 + seconds)
    assert came_to.minutes == minutes
    assert came_to.debit == Decimal("0.020") * minutes


def test_ring_time_is_not_billed() -> None:
    assert bill(RATE, None, 5000.0) == Bill(0, 0, RATE)
    assert bill(RATE, None, 5000.0).debit == 0


@given(
    per_minute=st.decimals(0, 1000, places=3),
    answered_s=st.floats(0, 1e7),
    talked_ms=st.integers(0, 100_000_000),
)
def test_debit_is_rate_times_minutes_exactly(
    per_minute: Decimal, answered_s: float, talked_ms: int
) -> None:
    came_to = bill(Rate("USD", per_minute), answered_s, answered_s + talked_ms / 1000)
    assert abs(came_to.duration_ms - talked_ms) <= 1
    assert (came_to.minutes - 1) * 60_000 < max(1, came_to.duration_ms) <= came_to.minutes * 60_000
    assert Decimal(money(came_to.debit)) == came_to.debit
    assert came_to.debit == sum([per_minute] * came_to.minutes, Decimal(0))


def test_money_has_three_decimals() -> None:
    assert money(Decimal("0.02")) == "0.020"
    assert money(Decimal(0)) == "0.000"
    assert money(Decimal("12")) == "12.000"
