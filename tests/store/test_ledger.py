"""The ledger: whatever is booked, its entries sum to the balance."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from onhook.store import Account, Debit, LedgerEntry, Store, Writes, schema
from onhook.store.debits import split
from store.samples import ACCOUNT, APPLICATION, call, notification

OTHER = Account("other", "other", "BB", "USD", 1)


def credit(entry_id: str, amount: int, purse: str = "points", account: str = "main") -> LedgerEntry:
    return LedgerEntry(entry_id, account, 5, purse, "credit", amount, None, "a note")


def ended(session: str, amount: int, account: str = "main") -> Writes:
    """The end of a call as it is written: its record, its debit, its notification."""
    record = call(session, state="ended", ended_ms=9, account_id=account)
    debit = Debit(session, account, 9, amount)
    return Writes(calls=(record,), notifications=(notification(session, 1),), debits=(debit,))


async def ledger(store: Store) -> list[LedgerEntry]:
    rows = await store.database.query(select(schema.ledger))
    return [LedgerEntry(**row._mapping) for row in rows]


async def balance(store: Store, account_id: str = "main") -> tuple[int, int]:
    """Points and bonus, which are the sums of their entries."""
    account = await store.account(account_id)
    assert account is not None
    for purse, amount in (("points", account.points_micros), ("bonus", account.bonus_micros)):
        mine = [e for e in await ledger(store) if (e.account_id, e.purse) == (account_id, purse)]
        assert sum(entry.amount_micros for entry in mine) == amount
    assert await store.money.balance(account_id) == account.points_micros + account.bonus_micros
    return account.points_micros, account.bonus_micros


async def test_the_first_credit_makes_an_account_prepaid(store: Store) -> None:
    before = await store.account("main")
    assert before is not None
    assert not before.prepaid
    assert await store.money.credit(credit("c1", 100, "bonus"))
    after = await store.account("main")
    assert after is not None
    assert after.prepaid
    assert await balance(store) == (0, 100)
    assert await store.money.entries("main", 5) == [credit("c1", 100, "bonus")]


async def test_a_credit_is_booked_once(store: Store) -> None:
    for _ in range(2):
        assert await store.money.credit(credit("c1", 100))
    assert await balance(store) == (100, 0)


async def test_a_credit_of_nobodys_account(store: Store) -> None:
    assert not await store.money.credit(credit("c1", 100, account="nobody"))
    assert await ledger(store) == []
    assert await store.money.balance("nobody") == 0


async def test_the_bonus_is_used_first(store: Store) -> None:
    await store.add_application(APPLICATION)
    await store.money.credit(credit("c1", 100))
    await store.money.credit(credit("c2", 30, "bonus"))
    await store.submit(ended("S1", 20))
    assert await balance(store) == (100, 10)
    await store.submit(ended("S2", 25))
    assert await balance(store) == (85, 0)
    await store.submit(ended("S3", 90))
    assert await balance(store) == (-5, 0)
    booked = {(e.session, e.purse): e.amount_micros for e in await ledger(store) if e.session}
    assert booked == {
        ("S1", "bonus"): -20,
        ("S2", "bonus"): -10,
        ("S2", "points"): -15,
        ("S3", "points"): -90,
    }


async def test_debits_of_one_transaction_share_the_bonus_in_their_order(store: Store) -> None:
    await store.add_application(APPLICATION)
    await store.money.credit(credit("c1", 30, "bonus"))
    await asyncio.gather(*[store.submit(ended(f"S{n}", 20)) for n in range(3)])
    assert await balance(store) == (-30, 0)


async def test_a_debit_may_be_repeated(store: Store) -> None:
    await store.add_application(APPLICATION)
    await asyncio.gather(
        store.submit(ended("S1", 20)), store.submit(Writes(debits=(Debit("S1", "main", 9, 20),)))
    )
    await store.submit(ended("S2", 5))
    await store.submit(Writes(debits=(Debit("S1", "main", 12, 20), Debit("S2", "main", 12, 5))))
    assert await balance(store) == (-25, 0)
    assert len(await ledger(store)) == 2


async def test_nothing_makes_no_entry(store: Store) -> None:
    await store.add_application(APPLICATION)
    await store.submit(ended("S1", 0))
    assert await ledger(store) == []
    assert await balance(store) == (0, 0)


async def test_a_debit_is_written_with_the_end_of_its_call_or_not_at_all(store: Store) -> None:
    await store.add_application(APPLICATION)
    good = store.submit(ended("S1", 20))
    record = call("S2", state="ended", ended_ms=9)
    broken = store.submit(
        Writes(
            calls=(record,),
            notifications=(notification("nobody", 1),),
            debits=(Debit("S2", "main", 9, 20),),
        )
    )
    await good
    with pytest.raises(IntegrityError):
        await broken
    assert await store.call("S2") is None
    assert await balance(store) == (-20, 0)


async def test_a_debit_from_nobodys_account_fails_alone(store: Store) -> None:
    await store.add_application(APPLICATION)
    good = store.submit(ended("S1", 20))
    record = call("S2", state="ended", ended_ms=9)
    broken = store.submit(Writes(calls=(record,), debits=(Debit("S2", "nobody", 9, 20),)))
    await good
    with pytest.raises(IntegrityError):
        await broken
    assert await store.call("S2") is None
    assert await balance(store) == (-20, 0)


async def test_many_debits_at_once(store: Store) -> None:
    await store.add_application(APPLICATION)
    await asyncio.gather(*[store.submit(ended(f"S{n}", n)) for n in range(1200)])
    assert await balance(store) == (-sum(range(1200)), 0)
    assert len(await ledger(store)) == 1199


async def test_two_processes_debit_one_account(
    store: Store, tmp_path: Path, database_url: str
) -> None:
    await store.add_application(APPLICATION)
    await store.money.credit(credit("c1", 250, "bonus"))
    other = await Store.open(tmp_path, database_url)
    ends = [
        one.submit(ended(f"S{n}{which}", 10))
        for n in range(20)
        for which, one in (("a", store), ("b", other))
    ]
    credits = [other.money.credit(credit(f"d{n}", 1)) for n in range(5)]
    await asyncio.gather(*ends, *credits)
    assert await balance(store) == (-150 + 5, 0)
    await other.close()


@given(st.integers(0, 1000), st.integers(-50, 1000))
def test_a_split_is_the_whole_debit_and_takes_no_more_bonus_than_there_is(
    amount: int, bonus: int
) -> None:
    from_bonus, from_points = split(amount, bonus)
    assert from_bonus + from_points == amount
    assert 0 <= from_bonus <= max(bonus, 0)
    assert from_points == 0 or from_bonus == max(bonus, 0)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["debit", "debit", "again", "points", "bonus"]),
        st.sampled_from(["main", "other"]),
        st.integers(0, 10**12),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(MOVES)
def test_whatever_is_booked_the_ledger_sums_to_the_balance_and_the_debits(
    moves: Sequence[tuple[str, str, int]],
) -> None:
    with TemporaryDirectory() as directory:
        asyncio.run(_book(Path(directory), moves))


async def _book(directory: Path, moves: Sequence[tuple[str, str, int]]) -> None:
    """Accounts in two currencies; calls end in any mix of transactions, some are written twice."""
    store = await Store.open(directory)
    try:
        await store.add_account(ACCOUNT)
        await store.add_account(OTHER)
        await store.add_application(APPLICATION)
        waiting: list[asyncio.Future[None]] = []
        debits: dict[str, tuple[str, int]] = {}
        credits = {"main": 0, "other": 0}
        for number, (what, account, amount) in enumerate(moves):
            if what == "debit":
                debits[f"S{number}"] = account, amount
                waiting.append(store.submit(ended(f"S{number}", amount, account)))
            elif what == "again" and debits:
                session = sorted(debits)[number % len(debits)]
                repeated = Debit(session, debits[session][0], 99, debits[session][1])
                waiting.append(store.submit(Writes(debits=(repeated,))))
            elif what in ("points", "bonus"):
                await store.money.credit(credit(f"c{number}", amount, what, account))
                credits[account] += amount
        await asyncio.gather(*waiting)
        for account in credits:
            spent = sum(amount for whose, amount in debits.values() if whose == account)
            points, bonus = await balance(store, account)
            assert points + bonus == credits[account] - spent
            assert bonus >= 0
            entries = await ledger(store)
            mine = [e for e in entries if e.kind == "debit" and e.account_id == account]
            assert sum(entry.amount_micros for entry in mine) == -spent
    finally:
        await store.close()
