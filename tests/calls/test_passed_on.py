"""Calls that are passed on cost the sum of their legs from their first second, and never too much."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.computed_bills import bill_of
from calls.swift import run_swiftly
from calls.test_credit import Listener, answered
from onhook.billing import LegsDiffer, Rate, bill, from_micros, sum_of
from onhook.calls import bills, clock
from onhook.calls.charging import Charging
from onhook.calls.credit import Credit, StepMeter, Unmetered
from onhook.calls.directory import Directory
from onhook.calls.pricing import Pricing
from onhook.store import Account, CallRecord, Keyring, LedgerEntry, Money, RateRecord, Store
from store.samples import ACCOUNT, APPLICATION, NUMBER, call

PREPAID = Account("main", "main", "AA", "SGD", 1, prepaid=True)
RATE = Rate("SGD", Decimal("0.060"), 10, 10)
"""A step of ten seconds costs one cent."""
DEARER = Rate("SGD", Decimal("0.180"), 10, 10)
CENT = 10_000


class Purse(Money):
    """What an account has, without a database; a reading takes a moment."""

    def __init__(self, micros: int, takes_s: float = 0.0) -> None:
        self.micros = micros
        self._takes_s = takes_s

    async def balance(self, account_id: str) -> int:
        """What is there when the reading begins."""
        found = self.micros
        await asyncio.sleep(self._takes_s)
        return found


# One call after the other -----------------------------------------------------------------------


async def begun(purse: Purse) -> tuple[Credit, StepMeter, Listener, float]:
    """A call that was just answered, and its first step held."""
    credit, listener = Credit(purse), Listener()
    assert await credit.covers(PREPAID, RATE, "S1")
    meter, began = StepMeter(credit, "main", "S1", RATE), clock.now_s()
    meter.follow(answered(began), listener)
    return credit, meter, listener, began


def test_what_a_call_came_to_is_held_at_the_sum_before_it_is_passed_on() -> None:
    async def life() -> None:
        credit, meter, _, _ = await begun(Purse(10 * CENT))
        await asyncio.sleep(15)
        assert await meter.reserve(DEARER)  # two steps
        assert await credit.hold("main", "S2", 4 * CENT)
        assert not await credit.hold("main", "S3", 1)
        meter.release()

    run_swiftly(life())


def test_a_step_that_begins_while_the_other_phone_rings_is_held_at_the_sum() -> None:
    async def life() -> None:
        credit, meter, _, _ = await begun(Purse(10 * CENT))
        await asyncio.sleep(15)
        assert await meter.reserve(DEARER)
        await asyncio.sleep(10)  # a third step
        assert await credit.hold("main", "S2", 1 * CENT)
        assert not await credit.hold("main", "S3", 1)
        meter.release()

    run_swiftly(life())


def test_a_call_whose_past_is_too_dear_at_the_sum_is_not_passed_on_and_goes_on() -> None:
    async def life() -> None:
        _, meter, listener, began = await begun(Purse(5 * CENT))
        await asyncio.sleep(15)
        assert not await meter.reserve(DEARER)
        assert await listener.ran_out == pytest.approx(began + 50)
        meter.release()

    run_swiftly(life())


def test_the_difference_is_free_again_when_nobody_answers() -> None:
    async def life() -> None:
        credit, meter, _, _ = await begun(Purse(10 * CENT))
        await asyncio.sleep(15)
        assert await meter.reserve(DEARER)
        meter.drop()
        assert await credit.hold("main", "S2", 8 * CENT)
        meter.release()

    run_swiftly(life())


def test_a_step_that_was_too_dear_at_the_sum_is_had_at_the_old_rate() -> None:
    async def life() -> None:
        _, meter, listener, began = await begun(Purse(6 * CENT))
        await asyncio.sleep(15)
        assert await meter.reserve(DEARER)  # for 20 s; 30 s are too much
        await asyncio.sleep(4.5)
        meter.drop()
        assert await listener.ran_out == pytest.approx(began + 60)
        meter.release()

    run_swiftly(life())


def test_a_call_that_was_passed_on_ends_where_the_credit_does_at_the_sum() -> None:
    async def life() -> None:
        _, meter, listener, began = await begun(Purse(14 * CENT))
        await asyncio.sleep(15)
        assert await meter.reserve(DEARER)
        await asyncio.sleep(9)
        meter.reprice(DEARER)
        assert await listener.ran_out == pytest.approx(began + 40)
        meter.release()

    run_swiftly(life())


def test_what_a_call_reserves_while_it_ends_is_not_held_for_ever() -> None:
    async def life() -> None:
        purse = Purse(10 * CENT, takes_s=0.1)
        credit, meter, _, _ = await begun(purse)
        await asyncio.sleep(5)
        reserving = asyncio.create_task(meter.reserve(DEARER))
        await asyncio.sleep(0.05)
        meter.release()
        await reserving
        meter.drop()
        meter.reprice(DEARER)
        assert await credit.hold("main", "S2", 10 * CENT)

    run_swiftly(life())


async def test_a_call_that_is_paid_for_afterwards_may_always_be_passed_on() -> None:
    meter = Unmetered()
    assert await meter.reserve(DEARER)
    meter.reprice(DEARER)
    meter.drop()
    meter.release()


# Any calls --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """What happens to a call, seconds after its answer."""

    rate: Rate
    more: Rate
    asked_s: float
    """When it is to be passed on."""
    rings_s: float
    answers: bool
    leaves_s: float
    """When somebody hangs up, if the credit lasts."""


PRICES = st.integers(0, 3_000_000).map(from_micros)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    initial_s, increment_s = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    one, more = draw(PRICES), draw(PRICES)
    times = st.floats(0, 400).map(lambda seconds: round(seconds, 3))
    return Life(
        rate=Rate("SGD", one, initial_s, increment_s),
        more=Rate("SGD", more, initial_s, increment_s),
        asked_s=draw(times),
        rings_s=draw(times) / 4,
        answers=draw(st.booleans()),
        leaves_s=draw(times),
    )


async def live(life: Life, session: str, credit: Credit, purse: Purse) -> CallRecord | None:
    """Lives it, and takes what it cost from the purse; None if it could not begin."""
    if not await credit.covers(PREPAID, life.rate, session):
        return None
    meter, listener = StepMeter(credit, "main", session, life.rate), Listener()
    began = clock.now_s()
    record = bills.priced(call(session, answered_ms=0), life.rate)
    meter.follow(answered(began), listener)

    async def pass_on() -> None:
        nonlocal record
        await asyncio.sleep(life.asked_s)
        rate = sum_of((bills.rate_of(record), life.more))
        if not await meter.reserve(rate):
            return
        await asyncio.sleep(life.rings_s)
        if life.answers:
            record = bills.priced(record, rate)
            meter.reprice(rate)
        else:
            meter.drop()

    passing_on = asyncio.create_task(pass_on())
    await asyncio.wait((listener.ran_out,), timeout=life.leaves_s)
    passing_on.cancel()
    ended = listener.ran_out.result() if listener.ran_out.done() else clock.now_s()
    record = bills.billed(record, bill(bills.rate_of(record), began, ended))
    [debit] = bills.debits(replace(record, ended_ms=1)) or [None]
    purse.micros -= debit.amount_micros if debit else 0
    meter.release()
    return record


@given(
    st.lists(lives(), min_size=1, max_size=3),
    st.integers(0, 20_000_000),
    st.sampled_from([0.0, 0.01, 0.4]),
)
def test_no_call_costs_more_than_there_is_and_each_can_be_computed_again(
    wanted: list[Life], credited: int, takes_s: float
) -> None:
    async def side_by_side() -> None:
        purse = Purse(credited, takes_s)
        credit = Credit(purse)
        records = await asyncio.gather(
            *[live(life, f"S{n}", credit, purse) for n, life in enumerate(wanted)]
        )
        assert purse.micros >= 0
        for record in filter(None, records):
            again = bill_of(record)
            assert (again.debit, again.billed_s) == (Decimal(record.debit), record.billed_s)
        assert await credit.hold("main", "afterwards", purse.micros), "something is still held"

    run_swiftly(side_by_side())


# Terms ------------------------------------------------------------------------------------------


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path)
    await opened.add_account(ACCOUNT)
    await opened.add_application(APPLICATION)
    await opened.money.put_rates(
        [
            RateRecord("in", "65", "SGD", 10_000, 60, 60),
            RateRecord("out", "65", "SGD", 20_000, 60, 60),
            RateRecord("out", "91", "SGD", 300_000, 60, 60),
            RateRecord("out", "44", "SGD", 300_000, 30, 6),
        ]
    )
    yield opened
    await opened.close()


@pytest.fixture
def pricing(store: Store, tmp_path: Path) -> Pricing:
    directory = Directory(store, Keyring.open(tmp_path))
    return Pricing(directory, Charging(store.money, Decimal("0.5")), Credit(store.money))


async def test_a_call_out_costs_the_sum_of_its_legs(pricing: Pricing) -> None:
    one = await pricing.outgoing("S1", APPLICATION.app_id, ["+6561234567"])
    assert (one.account, one.rate, one.covered) == (ACCOUNT, Rate("SGD", Decimal("0.02")), True)
    two = await pricing.outgoing("S2", APPLICATION.app_id, ["+6561234567", "+919999999999"])
    assert two.rate == Rate("SGD", Decimal("0.32"))
    with pytest.raises(LegsDiffer):
        await pricing.outgoing("S3", APPLICATION.app_id, ["+6561234567", "+447700900123"])


async def test_a_call_out_of_a_prepaid_account_holds_its_first_step(
    pricing: Pricing, store: Store
) -> None:
    await store.money.credit(LedgerEntry("c", "main", 1, "points", "credit", 30_000, None, ""))
    first = await pricing.outgoing("S1", APPLICATION.app_id, ["+6561234567"])
    second = await pricing.outgoing("S2", APPLICATION.app_id, ["+6561234567"])
    assert (first.covered, second.covered) == (True, False)
    first.meter.release()
    third = await pricing.outgoing("S3", APPLICATION.app_id, ["+6561234567"])
    assert third.covered


async def test_a_leg_is_added_to_the_rate_that_a_call_began_with(
    pricing: Pricing, store: Store
) -> None:
    terms = await pricing.incoming("S1", NUMBER)
    await store.money.put_rates([RateRecord("in", "65", "SGD", 700_000, 60, 60)])
    assert await pricing.with_leg(terms.rate, "+919999999999") == Rate("SGD", Decimal("0.31"))
    with pytest.raises(LegsDiffer):
        await pricing.with_leg(terms.rate, "+447700900123")
