"""Credit is held step by step, and a call ends where what was paid for does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from onhook import urls
from onhook.billing import BilledLeg, Rate, micros
from onhook.call import Acknowledged, Call, HungUp, Job, Prepared, Requested, arrive, step
from onhook.call.model import Limits
from onhook.call.works import Saying
from onhook.calls import clock
from onhook.calls.charging import Charging
from onhook.calls.credit import Credit, StepMeter
from onhook.store import Account, LedgerEntry, Money, RateRecord, Store, StoreError

RATE = Rate("SGD", Decimal("0.060"), 1, 1)
"""A step of a second costs a tenth of a cent."""
STEP = 1000

URL = urls.parse("http://x/")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path)
    await opened.add_account(Account("main", "main", "AA", "SGD", 1))
    yield opened
    await opened.close()


async def give(store: Store, amount: int) -> Account:
    await store.money.credit(
        LedgerEntry(f"c{amount}", "main", 1, "points", "credit", amount, None, "")
    )
    account = await store.account("main")
    assert account is not None
    return account


class Listener:
    """Remembers when the credit ran out."""

    def __init__(self) -> None:
        self.ran_out: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def out_of_credit(self, at_s: float) -> None:
        self.ran_out.set_result(at_s)


def answered(at: float) -> Call:
    """A call that was answered at this time, and plays."""
    call, _ = arrive("S1", URL, Limits(), at)
    for event in (
        Requested(at, Job(1, "play", URL, speaks=True, work=Saying())),
        Prepared(at, 1),
        Acknowledged(at),
    ):
        call, _ = step(call, event)
    return call


async def test_an_account_that_was_never_credited_pays_afterwards(store: Store) -> None:
    account = await store.account("main")
    assert account is not None
    credit = Credit(store.money)
    assert all([await credit.covers(account, RATE, f"S{n}") for n in range(5)])


async def test_calls_side_by_side_do_not_share_a_step(store: Store) -> None:
    account = await give(store, 3 * STEP)
    credit = Credit(store.money)
    found = await asyncio.gather(*[credit.covers(account, RATE, f"S{n}") for n in range(10)])
    assert sorted(found) == [False] * 7 + [True] * 3
    credit.release("main", f"S{found.index(True)}")
    assert await credit.covers(account, RATE, "S10")


async def test_a_call_that_costs_nothing_needs_no_credit(store: Store) -> None:
    account = await give(store, 1)
    credit = Credit(store.money)
    assert await credit.covers(account, RATE, "S0") is False
    assert await credit.covers(account, Rate("SGD", Decimal(0)), "S1")


@pytest.mark.parametrize("steps", [1, 2])
async def test_a_call_ends_at_the_end_of_the_last_step_that_is_paid_for(
    store: Store, steps: int
) -> None:
    account = await give(store, steps * STEP + STEP - 1)
    credit = Credit(store.money)
    assert await credit.covers(account, RATE, "S1")
    meter, listener = StepMeter(credit, "main", "S1", RATE), Listener()
    began = clock.now_s()
    meter.follow(answered(began), listener)
    assert await listener.ran_out == pytest.approx(began + steps)
    meter.release()
    assert await credit.hold("main", "S2", steps * STEP)


async def test_a_call_that_began_long_ago_is_paid_for_step_after_step(store: Store) -> None:
    """The loop may have been held up: steps that began meanwhile are held as well."""
    account = await give(store, 50 * STEP)
    credit = Credit(store.money)
    assert await credit.covers(account, RATE, "S1")
    meter, listener = StepMeter(credit, "main", "S1", RATE), Listener()
    began = clock.now_s() - 100
    meter.follow(answered(began), listener)
    assert await listener.ran_out == pytest.approx(began + 50)
    meter.release()


async def test_nothing_is_held_for_a_call_that_is_over(store: Store) -> None:
    account = await give(store, 10 * STEP)
    credit = Credit(store.money)
    assert await credit.covers(account, RATE, "S1")
    meter, listener = StepMeter(credit, "main", "S1", RATE), Listener()
    call = answered(clock.now_s() - 0.6)
    meter.follow(call, listener)
    await asyncio.sleep(0)  # the next step is being asked for
    over, _ = step(call, HungUp(clock.now_s()))
    meter.follow(over, listener)
    meter.release()
    assert await credit.hold("main", "S2", 10 * STEP)
    assert not listener.ran_out.done()


class Broken(Money):
    """A ledger that cannot be read any more."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def balance(self, account_id: str) -> int:
        """Fails."""
        self.asked.set()
        raise StoreError("the disk is gone")


async def test_a_database_that_is_away_cuts_nobody_off() -> None:
    money = Broken()
    meter, listener = StepMeter(Credit(money), "main", "S1", RATE), Listener()
    meter.follow(answered(clock.now_s() - 5), listener)
    await money.asked.wait()
    assert not listener.ran_out.done()
    meter.release()


def row(prefix: str, price: str) -> RateRecord:
    return RateRecord("in", prefix, "SGD", micros(Decimal(price)), 60, 60)


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock of the rate table."""
    now = [1000.0]
    monkeypatch.setattr(clock, "now_s", lambda: now[0])

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    return pass_time


async def test_a_change_of_the_rate_table_is_seen_after_a_moment(
    store: Store, hour: Callable[[float], None]
) -> None:
    charging = Charging(store.money, Decimal("0.020"))
    legs = [BilledLeg("in", "+6531234567")]
    assert await charging.rate(legs, "SGD") == Rate("SGD", Decimal("0.020"))
    await store.money.put_rates([row("65", "0.5")])
    assert (await charging.rate(legs, "SGD")).per_minute == Decimal("0.020")
    hour(3)
    assert (await charging.rate(legs, "SGD")).per_minute == Decimal("0.5")
    table = await charging.tariff()
    hour(3)
    assert await charging.tariff() is table


async def test_a_rate_table_that_cannot_be_read_is_believed_on(
    store: Store, hour: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.money.put_rates([row("65", "0.5")])
    charging = Charging(store.money, Decimal("0.020"))

    async def fail() -> int:
        raise StoreError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(store.money, "rates_revision", fail)
        with pytest.raises(StoreError):
            await charging.tariff()
    known = await charging.tariff()
    hour(3)
    monkeypatch.setattr(store.money, "rates_revision", fail)
    assert await charging.tariff() is known
