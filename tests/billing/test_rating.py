"""Durations, steps and what they cost."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.billing import (
    Bill,
    FinerThanMicro,
    LegsDiffer,
    NotAnAmount,
    Rate,
    StepsInvalid,
    bill,
    bill_ms,
    from_micros,
    micros,
    money,
    sum_of,
)

RATE = Rate("SGD", Decimal("0.020"))
STEPS = st.integers(1, 3600)
PRICES = st.integers(0, 10**9).map(from_micros)


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
    assert came_to.billed_s == 60 * minutes
    assert came_to.debit == Decimal("0.020") * minutes


@pytest.mark.parametrize(
    ("initial_s", "increment_s", "duration_ms", "billed_s"),
    [
        (30, 6, 0, 30),
        (30, 6, 30_000, 30),
        (30, 6, 30_001, 36),
        (30, 6, 36_000, 36),
        (30, 6, 36_001, 42),
        (1, 1, 1_000, 1),
        (1, 1, 1_001, 2),
        (7, 13, 7_000, 7),
        (7, 13, 7_001, 20),
        (7, 13, 20_001, 33),
        (3600, 1, 1, 3600),
    ],
)
def test_odd_steps(initial_s: int, increment_s: int, duration_ms: int, billed_s: int) -> None:
    rate = Rate("SGD", Decimal("0.060"), initial_s, increment_s)
    came_to = bill_ms(rate, duration_ms)
    assert came_to.billed_s == billed_s
    assert came_to.debit == Decimal("0.001") * billed_s
    assert came_to.minutes == max(1, -(-duration_ms // 60_000))


@given(per_minute=PRICES, initial_s=STEPS, increment_s=STEPS, duration_ms=st.integers(0, 10**8))
def test_billed_time_covers_the_call_and_is_the_least_that_does(
    per_minute: Decimal, initial_s: int, increment_s: int, duration_ms: int
) -> None:
    came_to = bill_ms(Rate("USD", per_minute, initial_s, increment_s), duration_ms)
    assert came_to.billed_s * 1000 >= duration_ms
    assert (came_to.billed_s - initial_s) % increment_s == 0
    assert came_to.billed_s == initial_s or (came_to.billed_s - increment_s) * 1000 < duration_ms
    exactly = Fraction(micros(per_minute)) * came_to.billed_s / 60
    assert abs(micros(came_to.debit) - exactly) <= Fraction(1, 2)
    if exactly.denominator == 1:
        assert micros(came_to.debit) == exactly


def test_half_a_micro_is_rounded_up() -> None:
    assert Rate("SGD", Decimal("0.000001"), 30, 30).cost(30) == Decimal("0.000001")
    assert Rate("SGD", Decimal("0.000001"), 29, 30).cost(29) == 0


@pytest.mark.parametrize("ended_s", [0.0, 5000.0])
def test_ring_time_is_not_billed(ended_s: float) -> None:
    assert bill(RATE, None, ended_s) == Bill(0, 0, RATE)
    assert bill(RATE, None, ended_s).debit == 0
    assert bill(RATE, None, ended_s).minutes == 0


def test_an_end_before_the_answer_costs_the_first_step_only() -> None:
    assert bill(RATE, 10.0, 9.0) == Bill(0, 60, RATE)


@given(
    per_minute=st.decimals(0, 1000, places=3),
    answered_s=st.floats(0, 1e7),
    talked_ms=st.integers(0, 100_000_000),
)
def test_whole_minutes_are_rate_times_minutes_exactly(
    per_minute: Decimal, answered_s: float, talked_ms: int
) -> None:
    came_to = bill(Rate("USD", per_minute), answered_s, answered_s + talked_ms / 1000)
    assert abs(came_to.duration_ms - talked_ms) <= 1
    assert (came_to.minutes - 1) * 60_000 < max(1, came_to.duration_ms) <= came_to.minutes * 60_000
    assert Decimal(money(came_to.debit)) == came_to.debit
    assert came_to.debit == sum([per_minute] * came_to.minutes, Decimal(0))


def test_a_call_is_charged_the_sum_of_its_legs() -> None:
    legs = [Rate("SGD", Decimal("0.020"), 6, 6), Rate("SGD", Decimal("0.005"), 6, 6)]
    assert sum_of(legs) == Rate("SGD", Decimal("0.025"), 6, 6)
    assert sum_of(legs[:1]) == legs[0]


@pytest.mark.parametrize(
    "other",
    [
        Rate("USD", Decimal("0.005")),
        Rate("SGD", Decimal("0.005"), 30, 60),
        Rate("SGD", Decimal("0.005"), 60, 6),
    ],
)
def test_legs_that_are_counted_differently_have_no_sum(other: Rate) -> None:
    with pytest.raises(LegsDiffer):
        sum_of([RATE, other])


@pytest.mark.parametrize(
    ("per_minute", "error"),
    [("0.0000001", FinerThanMicro), ("-0.001", NotAnAmount), ("NaN", NotAnAmount)],
)
def test_a_rate_that_cannot_be_stored_is_refused(per_minute: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Rate("SGD", Decimal(per_minute))


@pytest.mark.parametrize("steps", [(0, 60), (60, 0), (3601, 60), (60, -1)])
def test_steps_out_of_range_are_refused(steps: tuple[int, int]) -> None:
    with pytest.raises(StepsInvalid):
        Rate("SGD", Decimal("0.020"), *steps)
