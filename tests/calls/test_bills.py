"""A bill can be computed anew from the record alone."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from calls.computed_bills import bill_of
from onhook.billing import Rate, bill, from_micros, micros
from onhook.calls import bills
from onhook.store import CallRecord, Debit

RECORD = CallRecord(
    session="S1",
    txn_ref="AA-C-1",
    app_id="a" * 16,
    owner="me",
    state="ended",
    from_number="+6591112222",
    to_number="+6531234567",
    began_ms=1000,
    currency="",
    rate="",
    account_id="shop",
)
RATES = st.builds(
    Rate,
    st.sampled_from(["SGD", "USD"]),
    st.integers(0, 10**9).map(from_micros),
    st.integers(1, 3600),
    st.integers(1, 3600),
)


@given(RATES, st.integers(0, 10**8))
def test_the_record_of_a_call_says_what_it_cost_and_why(rate: Rate, talked_ms: int) -> None:
    came_to = bill(rate, 50.0, 50.0 + talked_ms / 1000)
    record = bills.billed(bills.priced(RECORD, rate), came_to)
    record = replace(record, answered_ms=2000, ended_ms=2000 + talked_ms)
    assert bills.rate_of(record) == rate
    assert bill_of(record) == came_to
    assert Decimal(record.debit) == came_to.debit
    paid = sum(debit.amount_micros for debit in bills.debits(record))
    assert paid == micros(came_to.debit)


def test_a_call_that_was_not_answered_takes_nothing() -> None:
    record = replace(bills.priced(RECORD, Rate("SGD", Decimal("0.020"))), ended_ms=99_000)
    assert bill_of(record) == bill(bills.rate_of(record), None, 99.0)
    assert bills.debits(bills.billed(record, bill_of(record))) == ()


def test_a_call_that_goes_on_takes_nothing_yet() -> None:
    assert bills.debits(replace(RECORD, debit="0.020")) == ()


def test_a_debit_names_its_call_and_its_account() -> None:
    record = replace(RECORD, debit="0.0125", ended_ms=7)
    assert bills.debits(record) == (Debit("S1", "shop", 7, 12_500),)
