"""Which row of the rate table is meant."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from onhook.billing import BilledLeg, Rate, RateRow, Tariff
from onhook.billing.tariff import Direction

DEFAULT = Decimal("0.020")


def row(direction: Direction, prefix: str, price: str, currency: str = "SGD") -> RateRow:
    return RateRow(direction, prefix, Rate(currency, Decimal(price), 30, 6))


TARIFF = Tariff(
    [
        row("in", "65", "0.1"),
        row("in", "6531", "0.2"),
        row("in", "", "0.3", "USD"),
        row("out", "65", "0.4"),
        row("out", "6", "0.5"),
    ],
    DEFAULT,
)


def price(direction: Direction, number: str, currency: str = "SGD") -> Decimal:
    return TARIFF.leg(BilledLeg(direction, number), currency).per_minute


def test_the_longest_prefix_wins() -> None:
    assert price("in", "+6531234567") == Decimal("0.2")
    assert price("in", "+6591234567") == Decimal("0.1")
    assert price("out", "+6591234567") == Decimal("0.4")
    assert price("out", "+6012345678") == Decimal("0.5")


def test_direction_and_currency_are_kept_apart() -> None:
    assert price("in", "+6531234567", "USD") == Decimal("0.3")
    assert price("out", "+6531234567", "USD") == DEFAULT


def test_without_a_row_the_default_is_charged_by_the_minute() -> None:
    assert TARIFF.leg(BilledLeg("in", "+442071234567"), "SGD") == Rate("SGD", DEFAULT, 60, 60)
    assert TARIFF.leg(BilledLeg("in", "+442071234567"), "HKD") == Rate("HKD", DEFAULT, 60, 60)


def test_a_row_brings_its_steps_along() -> None:
    found = TARIFF.leg(BilledLeg("in", "+6591234567"), "SGD")
    assert (found.initial_s, found.increment_s) == (30, 6)


def test_a_call_is_the_sum_of_its_legs() -> None:
    legs = [BilledLeg("in", "+6531234567"), BilledLeg("out", "+6591234567")]
    assert TARIFF.call(legs, "SGD") == Rate("SGD", Decimal("0.6"), 30, 6)
    assert TARIFF.call(legs[:1], "SGD").per_minute == Decimal("0.2")


PREFIXES = st.dictionaries(
    st.tuples(
        st.sampled_from(["in", "out"]), st.text("123", max_size=4), st.sampled_from(["SGD", "USD"])
    ),
    st.integers(0, 10**6),
    max_size=30,
)


@given(PREFIXES, st.sampled_from(["in", "out"]), st.text("123", max_size=6), st.sampled_from("SU"))
def test_any_lookup_is_what_a_search_of_all_rows_finds(
    table: dict[tuple[Direction, str, str], int], direction: Direction, digits: str, kind: str
) -> None:
    currency = {"S": "SGD", "U": "USD"}[kind]
    rows = [RateRow(d, p, Rate(c, Decimal(n).scaleb(-6))) for (d, p, c), n in table.items()]
    fitting = [
        one
        for one in rows
        if (one.direction, one.rate.currency) == (direction, currency)
        and digits.startswith(one.prefix)
    ]
    expected = max(fitting, key=lambda one: len(one.prefix)).rate if fitting else None
    found = Tariff(rows, DEFAULT).leg(BilledLeg(direction, f"+{digits}"), currency)
    assert found == (expected or Rate(currency, DEFAULT))
