"""What limits a call runs on while its switch is killed: times, credit, and how many calls there may be."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from acceptance.accounts import own_account
from acceptance.asking import heard, rows
from acceptance.files import FileServer
from acceptance.harness import Callee, Customer, Onhook, TrunkLine, lay_trunk
from acceptance.survival import Stage
from acceptance.talking import taken_down
from acceptance.test_money import BY_THE_SECOND, Payer
from acceptance.unbroken import known
from onhook.cli import rates
from onhook.store import Keyring
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver


@pytest.fixture(scope="module")
def server() -> Iterator[Onhook]:
    """Its limits are short, and outlast a change of the switch on a slow machine; one account may have one
    call."""
    data = Path(mkdtemp(prefix="onhook-"))
    Keyring.open(data)
    table = data / "rates.csv"
    table.write_text(
        "direction,prefix,currency,per_minute,initial_s,increment_s\n"
        f"in,{BY_THE_SECOND},SGD,0.060,1,1\n"
    )
    asyncio.run(rates.import_rates(data, table))
    settings = {
        "ringing_s": "10",
        "idle_s": "10",
        "session_s": "25",
        "max_calls": "1",
        "silence_s": "2",
    }
    running = Onhook({**settings, "retry_schedule": "0.2"}, data=data)
    yield running
    running.close()


@pytest.fixture(scope="module")
def line(server: Onhook) -> TrunkLine:
    return lay_trunk(server)


@pytest.fixture
async def stage(customer: Customer, callee: Callee, files: FileServer) -> Stage:
    await own_account(customer)
    return Stage(customer, callee, files, log_before=len(customer.server.log))


def limits(stage: Stage, session: str) -> tuple[float | None, float | None]:
    """When the call is due, and when it is over at the latest, as it is on disk."""
    [(text,)] = rows(stage.server, "SELECT going_on FROM calls WHERE session = ?", session)
    call = json.loads(text)["call"]
    return call.get("due_at"), call.get("expires_at")


async def test_who_rings_is_rejected_when_its_time_is_over(stage: Stage) -> None:
    call, told = await stage.customer.call()
    session = told["session"]
    await call.ringing()
    before = limits(stage, session)
    async with stage.gap():
        pass
    assert limits(stage, session) == before
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 480)
    await stage.ended(session, "system", "ring_timeout")


@pytest.mark.slow
async def test_nobody_waits_for_ever(stage: Stage) -> None:
    call, session = await stage.waiting()
    before = limits(stage, session)
    await stage.dies(call)
    assert limits(stage, session) == before
    assert (await call.ended()).how is How.BYE_RECEIVED
    await stage.ended(session, "system", "idle_timeout")


@pytest.mark.slow
async def test_no_call_lasts_longer_than_any_may(stage: Stage) -> None:
    """Not even in the middle of a message."""
    call, session = await stage.answered("middle/play", msg=stage.says("long", known(60)))
    await heard(call, 25)
    before = limits(stage, session)
    await stage.dies(call)
    assert limits(stage, session) == before
    assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
    await stage.ended(session, "system", "session_timeout")


async def test_a_call_of_ours_lasts_as_long_as_its_dial_said(stage: Stage) -> None:
    call, session = await stage.dialled(max_duration="10", msg=stage.says("long", known(20)))
    await call.answer()
    await heard(call, 25)
    before = limits(stage, session)
    await stage.dies(call)
    assert limits(stage, session) == before
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await stage.ended(session, "system", "max_duration")
    assert last["dial_status"] == "answered"


async def test_the_time_for_digits_runs_on(stage: Stage) -> None:
    """What was typed until it was over is the result."""
    call, session = await stage.answered("middle/gather", max_digits="4", timeout="10")
    await call.send_digits("1")
    await taken_down(stage.server, session, "1")
    before = limits(stage, session)
    async with stage.gap():
        pass
    assert limits(stage, session) == before
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "1"
    await stage.good_bye(call, session)


@pytest.mark.slow
async def test_a_silent_phone_is_asked_on(stage: Stage) -> None:
    """The plane tells of a silence once, and did so before the kill."""
    call, told = await stage.customer.call(talk=False)
    session = told["session"]
    await stage.customer.block("middle/play", session, msg=stage.says("long", known(20)))
    await call.answered()
    await call.received("OPTIONS")
    async with stage.gap():
        asked = len(call.log.received("OPTIONS"))
    await call.received("OPTIONS", asked + 1)
    await call.hang_up()
    await stage.ended(session, "caller", "hangup")


async def test_one_call_at_a_time_is_one_after_the_kill(stage: Stage) -> None:
    call, session = await stage.dialled()
    async with stage.gap():
        pass
    asked = {"dest": stage.callee.another(), "notify_url": stage.receiver.url("/dial")}
    refused = await stage.customer.post("ivr/start/dial", **asked)
    assert refused["status"] == "error_concurrent_call_limit_reached"
    call.reject(486)
    await stage.ended(session, "callee", "busy")
    assert (await stage.customer.post("ivr/start/dial", **asked))["status"] == "success_ok"


async def test_credit_runs_out_where_it_would_have(
    stage: Stage, receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """Five seconds were paid for; not one more is had, nor charged twice."""
    payer = Payer(stage.server, receiver, phone)
    customer = await payer.open(prefix=BY_THE_SECOND)
    await payer.credit("0.005")
    paid = Stage(customer, stage.callee, files, log_before=len(stage.server.log))
    call, session = await paid.answered("middle/play", msg=paid.says("long", known(20)))
    await heard(call, 25)
    await paid.dies(call)
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await receiver.next(session=session, call_state="ended")
    assert (last["ended_by"], last["cause"]) == ("system", "insufficient_credit")
    record = payer.record(session)
    assert (record["duration_ms"], record["billed_s"], last["debit"]) == (5000, 5, "0.005")
    assert (await payer.balance())["balance"] == "0.000"


@pytest.mark.slow
async def test_credit_that_is_held_is_nobody_elses(
    stage: Stage, receiver: Receiver, phone: Phone
) -> None:
    payer = Payer(stage.server, receiver, phone)
    customer = await payer.open()
    await payer.credit("0.020")
    call, told = await customer.call()
    async with stage.gap():
        pass
    second = await phone.call(customer.number, server=stage.server.sip)
    assert (await second.ended()).code == 480
    assert (await receiver.next(cause="insufficient_credit"))["debit"] == "0.000"
    await customer.hangup(told["session"])
    await call.ended()
    assert (await payer.balance())["balance"] == "0.020"
