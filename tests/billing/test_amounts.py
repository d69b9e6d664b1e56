"""Amounts between text, Decimal and micros: exactly, or not at all."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.billing import FinerThanMicro, NotAnAmount, amount, exact, from_micros, micros, money

MICROS = 1_000_000
COUNTS = st.integers(-(2**63), 2**63 - 1)


@given(COUNTS)
def test_micros_there_and_back_is_the_same(count: int) -> None:
    assert micros(from_micros(count)) == count
    assert micros(Decimal(exact(from_micros(count)))) == count


@given(COUNTS, st.integers(2, 9))
def test_no_digit_depends_on_the_precision_that_happens_to_be_set(count: int, digits: int) -> None:
    with localcontext() as context:
        context.prec = digits
        assert micros(from_micros(count)) == count
        assert micros(Decimal(exact(from_micros(count)))) == count


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_whatever_is_not_whole_micros_is_refused(value: Decimal) -> None:
    try:
        count = micros(value)
    except FinerThanMicro:
        assert value.is_finite()
    except NotAnAmount:
        assert not value.is_finite()
    else:
        assert Fraction(count, MICROS) == Fraction(value)  # a Decimal would round


@pytest.mark.parametrize("text", ["0.0000001", "1.0000005", "0.1234567"])
def test_finer_than_a_micro_is_refused(text: str) -> None:
    with pytest.raises(FinerThanMicro):
        amount(text)


@pytest.mark.parametrize("text", ["0", "0.02", "12", "999999999.999999", "0.1000000"])
def test_what_an_operator_may_type(text: str) -> None:
    assert amount(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " 1", "1 ", "1\n", "-1", "+1", "1.", ".5", "1e5", "1_000", "1,5", "\u0663"),
        *("NaN", "Infinity", "1000000000", "9" * 5000),
    ],
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(NotAnAmount):
        amount(text)


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_a_clear_error(text: str) -> None:
    try:
        assert amount(text) >= 0
    except (NotAnAmount, FinerThanMicro) as error:
        assert str(error)


@pytest.mark.parametrize(
    ("value", "on_the_wire", "stored"),
    [
        ("0", "0.000", "0.000"),
        ("0.02", "0.020", "0.020"),
        ("12", "12.000", "12.000"),
        ("0.0125", "0.013", "0.0125"),
        ("0.000001", "0.000", "0.000001"),
        ("-0.5", "-0.500", "-0.500"),
        ("-0.0125", "-0.013", "-0.0125"),
        ("1E+3", "1000.000", "1000.000"),
    ],
)
def test_how_money_is_written(value: str, on_the_wire: str, stored: str) -> None:
    assert money(Decimal(value)) == on_the_wire
    assert exact(Decimal(value)) == stored
