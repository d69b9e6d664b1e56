"""Packets of another length, because a trunk says so (`--ptime`) or the peer asks for them (`a=ptime`,
`a=maxptime`): what SDP says, and what is sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from acceptance.asking import OK, undisturbed
from acceptance.files import FileServer, wav
from acceptance.harness import Callee, Customer, Onhook, lay_trunk, marked
from acceptance.talking import assert_joined, typed, until
from acceptance.test_clipping import EDGE_MS, SETTLE_S
from briefly import slow_but
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.sip_text import SipMessage
from onhook.testing.tones import find_tone

PTIMES = pytest.mark.parametrize("ptime", slow_but([10, 60], [10, 30, 40, 60]))
SECONDS = 0.773


@asynccontextmanager
async def trunk(
    server: Onhook, ptime: int, *, network: int, srtp: str = "off"
) -> AsyncIterator[Callee]:
    """Somebody behind a trunk that is sent packets of this length; calls from there come by it."""
    host, prefix = f"127.0.{network}.{ptime}", f"+659{network}{ptime}"
    line = await asyncio.to_thread(
        lay_trunk, server, prefix=prefix, host=host, ptime=ptime, srtp=srtp
    )
    async with Phone(host=host, port=line.port, srtp="off" if srtp == "off" else "prefer") as phone:
        yield Callee(phone, line)


async def hung_up(customer: Customer, caller: Callee, url: str, ptime_ms: int = 20) -> PhoneCall:
    """A call that comes by a trunk, asks for such packets, and is hung up with what is at ``url``."""
    call = await caller.phone.call(customer.number, server=customer.server.sip, ptime_ms=ptime_ms)
    told = await customer.receiver.next(to=customer.number, call_state="ringing")
    assert await customer.hangup(told["session"], msg=f"<url>{url}</url>") == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    return call


def said(message: SipMessage) -> list[str]:
    """The packet time in a description of the server's."""
    return [line for line in message.body.decode().splitlines() if line.startswith("a=ptime")]


def lengths(call: CallLeg, since_s: float = 0.0) -> set[int]:
    """How long the packets of sound were, in ms."""
    return {len(packet.payload) // 8 for packet in call.recording.since(since_s).audio}


@PTIMES
async def test_a_call_that_comes_by_it_is_answered_in_such_packets(
    customer: Customer, files: FileServer, ptime: int
) -> None:
    """To the last sample of a message; the BYE keeps its distance."""
    url = files.serve(f"{ptime}.wav", wav(marked(SECONDS)))
    async with trunk(customer.server, ptime, network=41) as caller:
        call = await undisturbed(customer.server, partial(hung_up, customer, caller, url))
    assert said(await call.answered()) == [f"a=ptime:{ptime}"]
    assert lengths(call) == {ptime}
    first, last = (find_tone(call.recording.pcm(), hz) for hz in (1000, 1400))
    assert first and last
    assert last[1] - first[0] == pytest.approx(SECONDS * 1000, abs=EDGE_MS)
    assert last[1] - last[0] == pytest.approx(100, abs=EDGE_MS)
    assert call.recording.lost == 0
    assert call.last_packet_to_bye_s >= SETTLE_S - EDGE_MS / 1000
    assert call.complaints == []


@PTIMES
async def test_a_call_of_ours_offers_it_encrypted_too(
    customer: Customer, files: FileServer, ptime: int
) -> None:
    """A message and keys, both ways."""
    url = files.serve("marked.wav", wav(marked(SECONDS)))
    async with trunk(customer.server, ptime, network=42, srtp="require") as callee:
        number, end = callee.another(), customer.receiver.url("/dial")
        reply = await customer.post(
            "ivr/start/dial", dest=number, msg=f"<url>{url}</url>", notify_url=end
        )
        call = await callee.phone.incoming(called=number)
        assert said(call.invite) == [f"a=ptime:{ptime}"]
        await call.answer()
        assert (await customer.receiver.next())["dial_status"] == "answered"
        assert find_tone(call.recording.pcm(), 1400)
        await customer.block("middle/send_digits", reply["session"], digits="18#")
        await customer.receiver.next(ivr_block="send_digits")
        await typed(call, "18#")
        await customer.block("middle/gather", reply["session"], max_digits="1")
        await call.send_digits("7")
        assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "7"
        assert call.audio.encryption and call.audio.encryption.unreadable == 0
        assert call.recording.lost == 0
        assert ptime in lengths(call)
        await call.hang_up()


@pytest.mark.parametrize("ptime", [30, 60])
async def test_joined_to_a_phone_with_packets_of_20_ms(customer: Customer, ptime: int) -> None:
    async with trunk(customer.server, ptime, network=43) as callee:
        number = callee.another()
        call, told = await customer.call()
        await customer.block("end/transfer", told["session"], dest=number)
        await call.answered()
        peer = await callee.phone.incoming(called=number)
        await peer.answer()
        await assert_joined(call, peer)
        sound = [len(packet.payload) // 8 for packet in peer.recording.audio[-5:]]
        assert ptime in sound
        await call.send_digits("12#")
        await typed(peer, "12#")
        assert call.recording.lost == peer.recording.lost == 0
        await call.hang_up()


# What the peer asks for ---------------------------------------------------------------------------


@PTIMES
async def test_a_caller_is_sent_packets_as_it_asks_for(
    customer: Customer, files: FileServer, ptime: int
) -> None:
    """Silence and a message; we ask for 20 ms as ever, since each side says what it would like to get."""
    url = files.serve(f"asked{ptime}.wav", wav(marked(SECONDS)))

    async def heard() -> PhoneCall:
        call, told = await customer.call(ptime_ms=ptime)
        assert await customer.hangup(told["session"], msg=f"<url>{url}</url>") == OK
        assert (await call.ended()).how is How.BYE_RECEIVED
        return call

    call = await undisturbed(customer.server, heard)
    assert said(await call.answered()) == ["a=ptime:20"]
    assert lengths(call) == {ptime}
    first, last = (find_tone(call.recording.pcm(), hz) for hz in (1000, 1400))
    assert first and last
    assert last[1] - first[0] == pytest.approx(SECONDS * 1000, abs=EDGE_MS)
    assert call.recording.lost == 0


async def sends(call: CallLeg, packet_ms: int) -> None:
    """From now on there are such packets, of silence."""
    before = len(call.recording.packets)
    await until(
        lambda: any(len(one.payload) == 8 * packet_ms for one in call.recording.packets[before:]),
        f"packets of {packet_ms} ms",
    )


@PTIMES
async def test_whoever_is_called_is_sent_packets_as_it_asks_for(
    customer: Customer, callee: Callee, files: FileServer, ptime: int
) -> None:
    """Which it may change in the middle of the call."""
    url = files.serve(f"called{ptime}.wav", wav(marked(SECONDS)))
    end = customer.receiver.url("/dial")

    async def heard() -> CallLeg:
        number = callee.another()
        reply = await customer.post(
            "ivr/start/dial", dest=number, msg=f"<url>{url}</url>", notify_url=end
        )
        call = await callee.phone.incoming(called=number)
        assert said(call.invite) == ["a=ptime:20"]
        await call.answer(ptime_ms=ptime)
        told = await customer.receiver.next(session=reply["session"])
        assert told["dial_status"] == "answered"
        return call

    call = await undisturbed(customer.server, heard)
    assert lengths(call) == {ptime}
    for other_ms in (30, 20):
        call.audio.frame_ms = other_ms
        await call.hold()
        await call.unhold()
        await sends(call, other_ms)
    await call.hang_up()


@pytest.mark.parametrize("ptime", [20, 40])
async def test_a_trunk_that_says_how_long_goes_before(
    customer: Customer, files: FileServer, ptime: int
) -> None:
    url = files.serve(f"before{ptime}.wav", wav(marked(SECONDS)))
    async with trunk(customer.server, ptime, network=44) as caller:
        heard = partial(hung_up, customer, caller, url, ptime_ms=30)
        call = await undisturbed(customer.server, heard)
    assert said(await call.answered()) == [f"a=ptime:{ptime}"]
    assert lengths(call) == {ptime}
