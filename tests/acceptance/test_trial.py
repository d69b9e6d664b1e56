"""An account on trial is called by, and calls, its registered number only, until it is credited."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from acceptance.accounts import move
from acceptance.asking import OK, rows, sentence
from acceptance.harness import Callee, Customer
from onhook.cli import ledger
from onhook.cli.errors import CommandError
from onhook.server.settings import load
from onhook.testing.call_log import How
from onhook.testing.phone import Phone

BELIEVED_S = 1.5
"""What a server has read of an account is read anew after a second, by the same clock as ours."""


@pytest.fixture
async def trying(customer: Customer, callee: Callee) -> AsyncIterator[tuple[Customer, str]]:
    """An application whose account is on trial, and its registered number, which the callee has."""
    number = callee.another()
    account_id = f"trial{number[-6:]}"
    settings = load(data=customer.server.data)
    made = await ledger.create_account(settings, account_id, trial=True, mobile_number=number)
    assert made["status"] == "trial"
    move(customer, account_id)
    yield customer, number


async def credited(customer: Customer) -> None:
    """The account gets its first credit."""
    [(account_id,)] = rows(
        customer.server, "SELECT account_id FROM applications WHERE app_id = ?", customer.app_id
    )
    await ledger.credit_account(customer.server.data, str(account_id), "5")
    await asyncio.sleep(BELIEVED_S)


async def status(customer: Customer) -> str:
    return str((await customer.post("user/get_info"))["user_status"])


async def test_it_calls_its_registered_number(trying: tuple[Customer, str], callee: Callee) -> None:
    customer, number = trying
    assert await status(customer) == "trial"
    assert (await customer.post("ivr/start/dial", dest=number))["status"] == "success_ok"
    (await callee.phone.incoming(called=number)).reject(486)


async def test_it_calls_nobody_else(trying: tuple[Customer, str], callee: Callee) -> None:
    customer, number = trying
    other = callee.another()
    for path, params in {
        "ivr/start/dial": {"dest": other},
        "voice/call": {"dest2": other},
        "voice/conference": {"dest": f"{number},{other}"},
        "conference/call": {"dest": other},
    }.items():
        reply = await customer.post(path, **params)
        assert reply["status"] == "error_not_allowed_for_trial", path
        sentence(reply)
    same = await customer.post("voice/call", dest2=number)
    assert same["status"] == "error_same_dest1_dest2"
    assert callee.calls == []


async def test_it_is_called_by_its_registered_number_only(
    trying: tuple[Customer, str], callee: Callee
) -> None:
    """Nobody is told of another's call; and a call that came in is passed on to nobody else."""
    customer, number = trying
    stranger = await customer.phone.call(customer.number, server=customer.server.sip)
    assert (await stranger.ended()).how is How.REJECTED
    assert len(stranger.log.received(480)) == 1
    assert customer.receiver.waiting() == []
    async with Phone(number=number) as own:
        call = await own.call(customer.number, server=customer.server.sip)
        told = await customer.receiver.next(to=customer.number)
        asked = {"session": told["session"], "dest": callee.another()}
        reply = await customer.post("ivr/end/transfer", **asked)
        assert reply["status"] == "error_not_allowed_for_trial"
        room = await customer.post("ivr/end/transfer", session=told["session"], dest="room:")
        assert room["status"] == "success_ok"
        await call.answered()
        await call.hang_up()
    assert '"reason": "not the registered number of an account on trial"' in customer.server.log


async def test_its_first_credit_ends_it(trying: tuple[Customer, str], callee: Callee) -> None:
    customer, _ = trying
    other = callee.another()
    refused = await customer.post("ivr/start/dial", dest=other)
    assert refused["status"] == "error_not_allowed_for_trial"
    await credited(customer)
    assert await status(customer) == "active"
    call, told = await customer.call()
    assert await customer.hangup(told["session"]) == OK
    await call.ended()
    assert (await customer.post("ivr/start/dial", dest=other))["status"] == "success_ok"
    (await callee.phone.incoming(called=other)).reject(486)


async def test_a_trial_needs_a_registered_number(customer: Customer) -> None:
    with pytest.raises(CommandError, match="--mobile-number"):
        await ledger.create_account(load(data=customer.server.data), "trialx", trial=True)
