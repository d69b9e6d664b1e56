"""Any calls by any rates: their debits, the ledger and the balances are the same money."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from calls.computed_bills import bill_of
from onhook.billing import Rate, bill_ms, from_micros, micros, money
from onhook.calls import bills
from onhook.store import Account, Application, CallRecord, LedgerEntry, Store, Writes

ACCOUNTS = {
    currency: Account(currency.lower(), currency, "AA", currency, 1) for currency in ("SGD", "USD")
}
RATES = st.builds(
    Rate,
    st.sampled_from(["SGD", "USD"]),
    st.one_of(st.sampled_from([0, 20_000, 12_500]), st.integers(0, 10**7)).map(from_micros),
    st.sampled_from([60, 30, 1, 7]),
    st.sampled_from([60, 6, 1, 13]),
)
EDGES = st.sampled_from([0, 1, 59_999, 60_000, 60_001, 119_999, 120_000, 120_001])
CALLS = st.lists(st.tuples(RATES, st.one_of(st.none(), EDGES, st.integers(0, 10**7))), max_size=15)
CREDITS = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))


def record(number: int, rate: Rate, duration_ms: int | None) -> CallRecord:
    """A call that ended."""
    begun = CallRecord(
        session=f"S{number}",
        txn_ref=f"AA-C-{number}",
        app_id="a" * 16,
        owner="me",
        state="ended",
        from_number="",
        to_number="",
        began_ms=1,
        currency="",
        rate="",
        answered_ms=None if duration_ms is None else 2,
        ended_ms=9,
        account_id=rate.currency.lower(),
    )
    return bills.billed(bills.priced(begun, rate), bill_ms(rate, duration_ms))


@settings(max_examples=25, deadline=None)
@given(CALLS, CREDITS)
def test_the_books_balance(
    calls: Sequence[tuple[Rate, int | None]], credits: tuple[int, int]
) -> None:
    records = [record(number, *call) for number, call in enumerate(calls)]
    with TemporaryDirectory() as directory:
        asyncio.run(_check(Path(directory), records, credits))


async def _check(directory: Path, records: Sequence[CallRecord], credits: tuple[int, int]) -> None:
    store = await Store.open(directory)
    try:
        for account in ACCOUNTS.values():
            await store.add_account(account)
            for purse, amount in zip(("points", "bonus"), credits, strict=True):
                entry_id = f"{account.account_id}-{purse}"
                entry = LedgerEntry(
                    entry_id, account.account_id, 1, purse, "credit", amount, None, ""
                )
                await store.money.credit(entry)
        await store.add_application(Application("a" * 16, "", "h", "", "", 1, "sgd"))
        writes = [Writes(calls=(one,), debits=bills.debits(one)) for one in records]
        await asyncio.gather(*[store.submit(write) for write in (*writes, *writes[::2])])
        for account in ACCOUNTS.values():
            await _check_account(store, account.account_id, records, credits)
    finally:
        await store.close()


async def _check_account(
    store: Store, account_id: str, records: Sequence[CallRecord], credits: tuple[int, int]
) -> None:
    mine = [one for one in records if one.account_id == account_id]
    spent = sum((Decimal(one.debit) for one in mine), Decimal(0))
    entries = await store.money.entries(account_id, 1000)
    account = await store.account(account_id)
    assert account is not None
    assert sum(e.amount_micros for e in entries) == account.points_micros + account.bonus_micros
    assert sum(e.amount_micros for e in entries if e.kind == "debit") == -micros(spent)
    assert account.bonus_micros == max(0, credits[1] - micros(spent))
    for one in mine:
        paid = [e.amount_micros for e in entries if e.session == one.session]
        assert sum(paid) == -micros(Decimal(one.debit))
        assert len(paid) <= 2
        assert bill_of(replace(one, debit="", billed_s=0, minutes=0)).debit == Decimal(one.debit)
        by_the_minute = (one.initial_s, one.increment_s) == (60, 60)
        if by_the_minute and money(Decimal(one.rate)) == one.rate:
            assert Decimal(one.debit) == Decimal(one.rate) * one.minutes
