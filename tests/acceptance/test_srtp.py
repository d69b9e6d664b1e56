"""Encrypted audio (SRTP): calls to us and of ours, alone and joined to plain ones, and what is shown."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable

import pytest

from acceptance.asking import heard
from acceptance.files import LONG, FileServer
from acceptance.harness import Callee, Customer, Onhook, TrunkLine, lay_trunk
from acceptance.talking import assert_joined, typed, until
from acceptance.test_operator_commands import command
from briefly import slow_but
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.seen_call import CallNotAnswered
from onhook.testing.srtp import SUITES

EIGHTY, _ = SUITES
FAR = "127.0.0.2"
"""Where trunks are that want encryption: calls from there come by them."""


@pytest.fixture(scope="module")
def secured(server: Onhook) -> TrunkLine:
    """A trunk that takes encrypted calls only; no other one of the server has its prefix."""
    return lay_trunk(server, prefix="+6596", host=FAR, srtp="require")


@pytest.fixture
async def callee(secured: TrunkLine) -> AsyncIterator[Callee]:
    """Somebody behind that trunk."""
    async with Phone(host=FAR, port=secured.port, srtp="prefer") as one:
        yield Callee(one, secured)


@pytest.fixture
async def secret(shared: Callable[..., Onhook], receiver: Receiver) -> AsyncIterator[Customer]:
    """A customer whose phone offers RTP/SAVP, of a server without trunks: calls from the address of one come
    by it, and are encrypted or not as it wants."""
    server = await asyncio.to_thread(shared)
    async with Phone(srtp="require") as phone:
        yield await Customer.make(server, receiver, phone)


async def shown(server: Onhook, session: str) -> dict[str, object]:
    """What ``onhook calls show`` says of a call."""
    return dict(json.loads(await command(server, "calls", "show", session, "--json")))


async def metric(server: Onhook, name: str) -> float:
    import aiohttp

    async with aiohttp.ClientSession() as web, web.get(f"{server.url}/metrics") as reply:
        [found] = re.findall(rf"^onhook_media_{name} (\S+)$", await reply.text(), re.MULTILINE)
    return float(found)


def keys(call: CallLeg) -> list[str]:
    """Every key that stood in a message of this call, either side's."""
    assert call.audio.encryption is not None
    return [base64.b64encode(each.master).decode() for each in call.audio.encryption.ours]


async def test_a_call_that_comes_encrypted(secret: Customer, files: FileServer) -> None:
    """It hears a message, presses keys, is held, takes a new key, and is hung up; nothing is lost."""
    call, told = await secret.call()
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    await secret.block("middle/gather", told["session"], msg=msg, max_digits="4")
    await call.answered()
    assert call.srtp == EIGHTY
    await heard(call, 20)
    first = keys(call)
    await call.send_digits("12")
    await call.hold()
    await call.unhold()
    await call.rekey()
    await call.send_digits("34")
    assert (await secret.receiver.next())["digits"] == "1234"
    await secret.hangup(told["session"], notify_url=secret.receiver.url("/over"))
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert call.audio.encryption and call.audio.encryption.unreadable == 0
    assert call.recording.lost == 0
    assert (await shown(secret.server, told["session"]))["srtp"] == EIGHTY
    assert first != keys(call)
    said = secret.server.log + str(await shown(secret.server, told["session"]))
    assert not any(key in said for key in (*first, *keys(call)))


async def test_packets_in_the_clear_are_dropped_and_counted(secret: Customer) -> None:
    call, told = await secret.call()
    await secret.block("middle/gather", told["session"], max_digits="1")
    await call.answered()
    await until(lambda: call.recording.packets, "silence")
    before = await metric(secret.server, "srtp_unauthentic_packets")
    encryption, call.audio.encryption = call.audio.encryption, None
    await call.send_digits("1")
    call.audio.encryption = encryption
    await until_more(secret.server, before)
    await call.send_digits("2")
    assert (await secret.receiver.next())["digits"] == "2"


async def until_more(server: Onhook, before: float) -> None:
    async with asyncio.timeout(60):
        while await metric(server, "srtp_unauthentic_packets") <= before:
            await asyncio.sleep(0.05)


async def test_an_encrypted_callee_and_a_caller_in_the_clear(
    customer: Customer, callee: Callee
) -> None:
    """Joined, each hears the other, and keys pass."""
    number = callee.another()
    call, told = await customer.call()
    await customer.block("end/transfer", told["session"], dest=number)
    await call.answered()
    peer = await callee.phone.incoming(called=number)
    await peer.answer()
    assert peer.srtp == EIGHTY and call.srtp == ""
    await assert_joined(call, peer)
    await call.send_digits("5")
    await typed(peer, "5")
    await peer.send_digits("6")
    await typed(call, "6")
    assert peer.audio.encryption and peer.audio.encryption.unreadable == 0
    await call.hang_up()
    await peer.ended()


async def test_a_call_of_ours_is_encrypted(customer: Customer, callee: Callee) -> None:
    number, url = callee.another(), customer.receiver.url("/dial")
    reply = await customer.post("ivr/start/dial", dest=number, notify_url=url)
    call = await callee.phone.incoming(called=number)
    assert b"RTP/SAVP" in call.invite.body
    await call.answer()
    assert (await customer.receiver.next())["dial_status"] == "answered"
    await until(lambda: call.recording.packets, "silence")
    await call.hang_up()
    await customer.receiver.next()
    assert (await shown(customer.server, reply["session"]))["srtp"] == EIGHTY


async def test_whoever_is_called_may_do_without_where_it_is_only_preferred(
    customer: Customer,
) -> None:
    line = await asyncio.to_thread(
        lay_trunk, customer.server, prefix="+6593", host=FAR, srtp="prefer"
    )
    async with Phone(host=FAR, port=line.port) as phone:
        callee = Callee(phone, line)
        number, url = callee.another(), customer.receiver.url("/dial")
        reply = await customer.post("ivr/start/dial", dest=number, notify_url=url)
        call = await phone.incoming(called=number)
        assert b"a=crypto:1 " in call.invite.body and b" RTP/AVP " in call.invite.body
        await call.answer()
        assert (await customer.receiver.next())["dial_status"] == "answered"
        await call.hang_up()
        await customer.receiver.next()
        assert (await shown(customer.server, reply["session"]))["srtp"] == ""


@pytest.mark.parametrize(
    ("setting", "srtp"),
    slow_but([("require", "off")], [("off", "require"), ("require", "off")]),
)
async def test_what_the_operator_does_not_want(
    start: Callable[..., Onhook], receiver: Receiver, setting: str, srtp: str
) -> None:
    server = await asyncio.to_thread(start, srtp=setting)
    async with Phone(srtp=srtp) as phone:  # type: ignore[arg-type]
        customer = await Customer.make(server, receiver, phone)
        call = await phone.call(customer.number, server=server.sip)
        with pytest.raises(CallNotAnswered, match="488"):
            await call.answered()
