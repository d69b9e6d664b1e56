"""A server behind address translation, and phones outside: called, calling, heard, and hung up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import netns
from acceptance.behind_router import FORGETS_S, server
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer, Onhook, know_trunk
from onhook.cli import trunks
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver


@asynccontextmanager
async def outside(running: Onhook) -> AsyncIterator[tuple[Customer, FileServer]]:
    """A customer outside, with a phone and a web server; the thread is there already."""
    async with (
        Receiver(host=netns.OUTSIDE, repeats=False) as receiver,
        Phone(host=netns.OUTSIDE) as phone,
    ):
        customer = await Customer.make(running, receiver, phone)
        async with FileServer(host=netns.OUTSIDE) as files:
            yield customer, files


async def called(customer: Customer, msg: str) -> None:
    """A call to us: a message is heard, a key comes, a hold and its end, and our BYE."""
    call, told = await customer.call(caller="+6591112222")
    await customer.block("middle/gather", told["session"], max_digits="1", msg=msg)
    answer = await call.answered()
    assert f"c=IN IP4 {netns.PUBLIC}" in answer.body.decode()
    assert netns.INSIDE not in str(answer)
    await call.send_digits("5")
    gathered = await customer.receiver.next(ivr_block="gather", session=told["session"])
    assert gathered["digits"] == "5"
    await call.hold()
    await call.unhold()
    await customer.hangup(told["session"], msg=msg)
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert len(call.recording.audio) >= len(BEEP) // 320 - 1
    assert call.complaints == []


async def calling(customer: Customer, msg: str, pause_s: float = 0.0) -> None:
    """A call of ours: the same, and the phone hangs up."""
    number = "+6591000001"
    url = customer.receiver.url("/dial")
    reply = await customer.post("ivr/start/dial", dest=number, msg=msg, notify_url=url)
    assert reply["status"] == "success_ok", reply
    call = await customer.phone.incoming(called=number)
    assert f"c=IN IP4 {netns.PUBLIC}" in call.invite.body.decode()
    await call.answer()
    assert (await customer.receiver.next(ivr_block="dial"))["dial_status"] == "answered"
    assert len(call.recording.audio) >= len(BEEP) // 320 - 1
    await customer.block("middle/gather", reply["session"], max_digits="1")
    await call.send_digits("7")
    gathered = await customer.receiver.next(ivr_block="gather", session=reply["session"])
    assert gathered["digits"] == "7"
    await call.hold()
    await call.unhold()
    await asyncio.sleep(pause_s)  # longer than the router remembers what nothing goes over
    await call.hang_up()
    assert call.complaints == []


async def lay_trunk(running: Onhook, customer: Customer, ping: str | None = None) -> None:
    """A trunk to the phone outside, known to the server on return."""
    host, port = customer.phone.address
    given = trunks.Given("outside", f"{host}:{port}", prefix="+6591", ping=ping)
    await trunks.add(running.data, given)
    await asyncio.to_thread(know_trunk, running, "outside")


async def test_behind_a_router_that_maps_one_public_address() -> None:
    """Without --public-address the ACK of this call would be sent to a private address, and get lost."""
    with (
        netns.network(netns.ONE_TO_ONE) as on,
        server(on, public_address=netns.PUBLIC) as running,
        netns.within(on.outside),
    ):
        async with outside(running) as (customer, files):
            msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
            await called(customer, msg)
            await lay_trunk(running, customer)
            await calling(customer, msg)


@pytest.mark.slow
async def test_behind_a_router_that_forgets_after_30_seconds() -> None:
    """Nothing comes in that nobody asked for: what is asked of the trunk keeps the way in open."""
    with (
        netns.network(netns.MASQUERADE) as on,
        server(on, public_address=netns.PUBLIC) as running,
        netns.within(on.outside),
    ):
        on.forgets_after(FORGETS_S)
        async with outside(running) as (customer, files):
            msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
            await lay_trunk(running, customer, ping="10")
            await calling(customer, msg, pause_s=FORGETS_S + 5)
            await asyncio.sleep(FORGETS_S + 5)
            await called(customer, msg)
