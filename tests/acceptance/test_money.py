"""What calls cost, who pays, and what happens when the credit runs out."""

import asyncio
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from acceptance.harness import Customer, Onhook
from onhook.cli import accounts, ledger, rates
from onhook.server.settings import load
from onhook.store import Keyring
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

LONG = "This message takes much longer than anybody has paid for. " * 5
BY_THE_SECOND = "6567"
"""Numbers that begin so cost a tenth of a cent for each second."""
_numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Onhook]:
    """A server whose rate table was there before it started, in a data directory of an earlier one."""
    data = Path(mkdtemp(prefix="onhook-"))
    Keyring.open(data)
    table = data / "rates.csv"
    table.write_text(
        "direction,prefix,currency,per_minute,initial_s,increment_s\n"
        "in,6566,USD,0.0125,30,6\n"
        "in,65,USD,9,60,60\n"
        f"in,{BY_THE_SECOND},SGD,0.060,1,1\n"
    )
    assert asyncio.run(rates.import_rates(data, table)) == 3
    running = Onhook(data=data)
    yield running
    running.close()


class Payer:
    """A customer with an account of its own."""

    def __init__(self, server: Onhook, receiver: Receiver, phone: Phone) -> None:
        self.server = server
        self.receiver = receiver
        self.phone = phone
        self.account = f"payer-{next(_numbers)}"

    async def open(self, currency: str = "SGD", prefix: str = "6568") -> Customer:
        """The account, an application of it, and a number."""
        settings = load(data=self.server.data)
        await ledger.create_account(settings, self.account, currency=currency, prefix="ZZ")
        made = await accounts.create_application(self.server.data, "test", self.account)
        number = f"+{prefix}{next(_numbers):06}"
        answer = self.receiver.url("/answer")
        await accounts.add_number(self.server.data, number, made["app_id"], answer)
        return Customer(self.server, self.receiver, self.phone, number, **made)

    async def credit(self, amount: str, *, bonus: bool = False) -> None:
        await ledger.credit_account(self.server.data, self.account, amount, bonus=bonus)

    async def balance(self) -> dict[str, Any]:
        """The account as 'account show' has it; its entries sum to its balance."""
        found = await ledger.show_account(self.server.data, self.account)
        entries = found["entries"]
        assert isinstance(entries, list)
        assert sum(Decimal(one["amount"]) for one in entries) == Decimal(str(found["balance"]))
        return found

    def record(self, session: str) -> dict[str, Any]:
        """The record of a call."""
        with sqlite3.connect(self.server.data / "onhook.db") as database:
            database.row_factory = sqlite3.Row
            return dict(
                database.execute("SELECT * FROM calls WHERE session = ?", (session,)).fetchone()
            )


@pytest.fixture
def payer(server: Onhook, receiver: Receiver, phone: Phone) -> Payer:
    return Payer(server, receiver, phone)


async def test_a_call_is_charged_by_the_row_of_its_number(payer: Payer) -> None:
    customer = await payer.open("USD", "6566")
    call, told = await customer.call()
    await customer.hangup(
        told["session"], msg="Good bye.", notify_url=customer.receiver.url("/end")
    )
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await customer.receiver.next(session=told["session"])
    assert (last["currency"], last["duration"]) == ("USD", "1")
    assert (last["rate"], last["debit"]) == ("0.013", "0.006")
    assert last["txn_ref"].startswith("ZZ-C-")
    record = payer.record(told["session"])
    assert (record["rate"], record["initial_s"], record["increment_s"]) == ("0.0125", 30, 6)
    assert (record["billed_s"], record["minutes"], record["debit"]) == (30, 1, "0.00625")
    assert 0 < record["duration_ms"] < 30_000
    found = await payer.balance()
    assert (found["balance"], found["pays"]) == ("-0.00625", "afterwards")


async def test_without_a_row_the_default_is_charged_in_the_accounts_currency(payer: Payer) -> None:
    customer = await payer.open("HKD")
    call, told = await customer.call()
    await customer.hangup(told["session"], msg="Bye.", notify_url=customer.receiver.url("/end"))
    await call.ended()
    last = await customer.receiver.next(session=told["session"])
    assert (last["currency"], last["rate"], last["debit"]) == ("HKD", "0.020", "0.020")


async def test_a_balance_after_calls(payer: Payer) -> None:
    customer = await payer.open()
    await payer.credit("1")
    await payer.credit("0.030", bonus=True)
    for _ in range(2):
        call, told = await customer.call()
        await customer.hangup(told["session"], msg="Bye.", notify_url=customer.receiver.url("/end"))
        await call.ended()
        last = await customer.receiver.next(session=told["session"])
        assert last["debit"] == "0.020"
    found = await payer.balance()
    assert (found["points"], found["bonus"], found["balance"]) == ("0.990", "0.000", "0.990")
    assert found["pays"] == "before"


async def test_a_call_ends_where_the_credit_does(payer: Payer) -> None:
    customer = await payer.open(prefix=BY_THE_SECOND)
    await payer.credit("0.002")
    call, told = await customer.call()
    notify_url = customer.receiver.url("/end")
    done = await customer.hangup(told["session"], msg=LONG, notify_url=notify_url, tag="t")
    assert done == {"status": "success_ok"}
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert call.complaints == []
    last = await customer.receiver.next(session=told["session"])
    assert (last["ivr_block"], last["call_state"], last["tag"]) == ("hangup", "ended", "t")
    assert (last["ended_by"], last["cause"]) == ("system", "insufficient_credit")
    assert (last["duration"], last["rate"], last["debit"]) == ("1", "0.060", "0.002")
    record = payer.record(told["session"])
    assert (record["duration_ms"], record["billed_s"]) == (2000, 2)
    assert (await payer.balance())["balance"] == "0.000"


async def test_a_call_without_credit_is_rejected_and_its_application_told(payer: Payer) -> None:
    customer = await payer.open()
    await payer.credit("0.019999")
    call = await customer.phone.call(customer.number, server=customer.server.sip)
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 480)
    last = await customer.receiver.next(to=customer.number)
    assert (last.path, last["ivr_block"], last["call_state"]) == ("/answer", "answer", "ended")
    assert (last["ended_by"], last["cause"]) == ("system", "insufficient_credit")
    assert (last["duration"], last["debit"]) == ("0", "0.000")
    assert last.headers["x-onhook-event"] == "1"
    assert (await customer.hangup(last["session"]))["status"] == "error_session_ended"
    assert customer.receiver.waiting() == []
    assert len((await payer.balance())["entries"]) == 1
    await payer.credit("0.000001")
    _, told = await customer.call()
    assert told["call_state"] == "ringing"


async def test_two_calls_do_not_spend_the_same_money(payer: Payer) -> None:
    customer = await payer.open()
    await payer.credit("0.020")
    first, told = await customer.call()
    second = await customer.phone.call(customer.number, server=customer.server.sip)
    assert (await second.ended()).code == 480
    assert (await customer.receiver.next(cause="insufficient_credit"))["debit"] == "0.000"
    await customer.hangup(told["session"], msg="Bye.", notify_url=customer.receiver.url("/end"))
    await first.ended()
    last = await customer.receiver.next(session=told["session"])
    assert (last["cause"], last["debit"]) == ("hangup", "0.020")
    assert (await payer.balance())["balance"] == "0.000"


async def test_what_a_call_held_is_free_again_when_it_is_over(payer: Payer) -> None:
    customer = await payer.open()
    await payer.credit("0.020")
    for _ in range(3):
        call, told = await customer.call()
        await call.cancel()
        last = await customer.receiver.next(session=told["session"])
        assert (last["cause"], last["debit"]) == ("cancelled", "0.000")
    assert (await payer.balance())["balance"] == "0.020"


async def test_a_rate_is_changed_while_the_server_runs(payer: Payer) -> None:
    customer = await payer.open(prefix="6569")
    where = ("in", "6569", "SGD", "0.111")
    await rates.set_rate(payer.server.data, *where, ("60", "60"))
    async with asyncio.timeout(60):
        while True:
            call, told = await customer.call()
            await customer.hangup(told["session"], notify_url=customer.receiver.url("/end"))
            await call.ended()
            last = await customer.receiver.next(session=told["session"])
            if last["rate"] != "0.020":
                break
            await asyncio.sleep(0.2)
    assert (last["rate"], last["debit"]) == ("0.111", "0.000")
