"""What phones do in the middle of a call: other codecs and payload types, hold, packets of their own kind."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from itertools import product

import numpy as np
import pytest

from acceptance.asking import OK, heard
from acceptance.files import FileServer, wav
from acceptance.harness import Callee, Customer
from acceptance.talking import (
    arrived,
    assert_joined,
    falls_quiet,
    first_of_type,
    hears,
    lasts_ms,
    meet,
    records,
    spoke_in_time,
    spools,
    typed,
    until,
)
from acceptance.test_record import fetched, recording
from briefly import slow_but
from onhook.testing.call_leg import CallLeg
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone_call import PhoneCall
from onhook.testing.sdp_text import EVENTS
from onhook.testing.sip_text import SipMessage
from onhook.testing.tones import find_tone, tone

HOLDS = (("sendonly", False), ("inactive", False), ("sendrecv", True))
"""Ways to put somebody on hold: RFC 3264 8.4, without music, and the one of RFC 2543."""
EACH_HOLD = pytest.mark.parametrize(("direction", "nowhere"), HOLDS)
WAYS = ("reinvite", "update")


async def transferred(
    customer: Customer, callee: Callee, dialled: str = "", *, ptime_ms: int = 20, **answer: object
) -> tuple[PhoneCall, IncomingPhoneCall]:
    """Two phones that are joined, and know it."""
    number = callee.another()
    call, told = await customer.call(ptime_ms=ptime_ms)
    await customer.block("end/transfer", told["session"], dest=number + dialled)
    await call.answered()
    peer = await callee.phone.incoming(called=number)
    await peer.answer(**answer)  # type: ignore[arg-type]
    return call, peer


async def playing_tone(
    customer: Customer, files: FileServer, *, lasts_s: float = 30.0, **options: object
) -> tuple[PhoneCall, str]:
    """A call on which 1000 Hz begin to play, for half a minute."""
    call, told = await customer.call(**options)
    msg = f"<url>{files.serve('long.wav', wav(tone(1000, lasts_s * 1000)))}</url>"
    await customer.block("middle/play", told["session"], msg=msg)
    await call.answered()
    await heard(call, 10)
    return call, told["session"]


async def nothing_is_sent_to(call: CallLeg) -> None:
    """The phone is on hold, and left alone."""
    await falls_quiet(call)
    now_s = asyncio.get_running_loop().time()
    await asyncio.sleep(0.3)
    assert call.recording.since(now_s).packets == []


def renegotiate(call: CallLeg, way: str) -> Callable[..., Awaitable[SipMessage]]:
    return call.reinvite if way == "reinvite" else call.update


def types_of(call: CallLeg, name: str, since_s: float = 0.0) -> set[int]:
    """The numbers under which sound, or keys, arrived."""
    packets = call.recording.since(since_s).packets
    keys = {p.payload_type for p in packets if len(p.payload) == 4}
    return keys if name == EVENTS else {p.payload_type for p in packets} - keys


# Payload types of the answer --------------------------------------------------------------------


async def test_digits_of_a_callee_with_a_number_of_its_own_are_gathered(
    customer: Customer, callee: Callee
) -> None:
    """The offer says 101, the answer 96: the callee's keys come under 101 (RFC 3264 6.1)."""
    number, url = callee.another(), customer.receiver.url("/dial")
    reply = await customer.post("ivr/start/dial", dest=number, notify_url=url)
    call = await callee.phone.incoming(called=number)
    await call.answer(payload_types={EVENTS: 96})
    await customer.receiver.next(ivr_block="dial")
    await customer.block("middle/gather", reply["session"], max_digits="3")
    await call.send_digits("407")
    assert {packet.payload_type for packet in call.audio.sent if len(packet.payload) == 4} == {101}
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "407"
    assert not call.complaints


async def test_digits_reach_a_callee_under_the_number_that_it_asked_for(
    customer: Customer, callee: Callee
) -> None:
    """What is dialled after the answer, and what the caller types."""
    call, peer = await transferred(customer, callee, ",12#", payload_types={EVENTS: 96})
    await typed(peer, "12#")
    await call.send_digits("45")
    await typed(peer, "12#45")
    assert types_of(peer, EVENTS) == {96}
    await peer.send_digits("9")
    await typed(call, "9")
    assert types_of(call, EVENTS) == {101}


async def test_a_phone_whose_law_has_a_number_of_its_own(
    customer: Customer, files: FileServer
) -> None:
    """Its keys and its message are heard, under the number that it gave."""
    call, session = await playing_tone(
        customer, files, codecs=("PCMU",), payload_types={"PCMU": 97, EVENTS: 98}
    )
    await hears(call, 1000)
    assert types_of(call, "PCMU") == {97}
    assert (await customer.hangup(session, force="enabled")) == OK
    await call.ended()
    before = spools(customer.server)
    call, told = await customer.call(codecs=("PCMA",), payload_types={"PCMA": 96})
    await customer.block("middle/record", told["session"], max_duration="10")
    await call.answered()
    await records(customer.server, before)
    await call.say(tone(700, 1500))
    await call.send_digits("#")
    ended = await customer.receiver.next(ivr_block="record")
    assert ended.get("record_url")
    assert types_of(call, "PCMA") == {96}
    assert not call.complaints


# Another codec ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "first", "then", "number"),
    slow_but(
        [("reinvite", "PCMU", "PCMA", 8), ("update", "PCMA", "PCMU", 0)],
        [(way, *change) for way in WAYS for change in (("PCMU", "PCMA", 8), ("PCMA", "PCMU", 0))],
    ),
)
async def test_a_message_plays_on_in_another_codec(
    customer: Customer, files: FileServer, way: str, first: str, then: str, number: int
) -> None:
    call, session = await playing_tone(customer, files, codecs=(first,))
    changed = await renegotiate(call, way)(codecs=(then,))
    assert changed.status == 200
    changed_s = await first_of_type(call, number)
    await hears(call, 1000, changed_s)
    assert types_of(call, then, changed_s) == {number}
    assert call.recording.lost == 0
    assert (await customer.hangup(session, force="enabled")) == OK
    await call.ended()
    assert not call.complaints


@pytest.mark.parametrize(
    ("way", "who"), slow_but([("reinvite", 0), ("update", 1)], product(WAYS, [0, 1]))
)
async def test_joined_phones_may_change_their_codec(
    customer: Customer, callee: Callee, way: str, who: int
) -> None:
    legs = await transferred(customer, callee)
    await assert_joined(*legs)
    changed = await renegotiate(legs[who], way)(codecs=("PCMA",))
    assert changed.status == 200
    await assert_joined(*legs)
    changed_s = await first_of_type(legs[who], 8)
    for leg in legs:
        await arrived(leg, 10, changed_s)
    assert types_of(legs[who], "PCMA", changed_s) == {8}
    assert types_of(legs[1 - who], "PCMU", changed_s) == {0}
    assert not [leg.complaints for leg in legs if leg.complaints]


async def test_keys_may_get_another_number_in_the_middle_of_a_call(customer: Customer) -> None:
    call, told = await customer.call()
    await customer.block("middle/gather", told["session"], max_digits="4")
    await call.answered()
    await call.send_digits("12")
    assert (await call.reinvite(payload_types={EVENTS: 110})).status == 200
    await call.send_digits("34")
    last = [packet for packet in call.audio.sent if len(packet.payload) == 4][-1]
    assert last.payload_type == 110
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "1234"


async def test_a_codec_that_nobody_has_is_refused_and_changes_nothing(
    customer: Customer, callee: Callee
) -> None:
    """488, and the session is as it was (RFC 3261 14.2)."""
    call, peer = await transferred(customer, callee)
    refused = await call.reinvite(codecs=("G729",))
    assert refused.status == 488
    call._dialog.session.choose(codecs=("PCMU",))
    await assert_joined(call, peer)


# Hold -------------------------------------------------------------------------------------------


@EACH_HOLD
async def test_a_gather_on_hold_waits_for_its_digits(
    customer: Customer, direction: str, nowhere: bool
) -> None:
    call, told = await customer.call()
    await customer.block("middle/gather", told["session"], max_digits="4", timeout="60")
    await call.answered()
    await call.send_digits("12")
    await call.hold(direction, nowhere=nowhere)
    await nothing_is_sent_to(call)
    assert customer.receiver.waiting() == []
    await call.unhold()
    await call.send_digits("34")
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "1234"
    assert not call.complaints


async def test_a_call_goes_on_without_audio_for_a_while(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`m=audio 0` in a re-INVITE: the answer closes the stream as well (RFC 3264 8.2)."""
    call, told = await customer.call()
    await customer.block("middle/gather", told["session"], max_digits="4", timeout="60")
    await call.answered()
    await call.send_digits("12")
    session = call._dialog.session
    described = session._write
    with monkeypatch.context() as closing:
        closing.setattr(
            session, "_write", lambda *how: re.sub(rb"m=audio \d+", b"m=audio 0", described(*how))
        )
        closed = await call.reinvite()
    assert (closed.status, b"m=audio 0 " in closed.body) == (200, True)
    await nothing_is_sent_to(call)
    assert customer.receiver.waiting() == []
    await call.unhold()
    await call.send_digits("34")
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "1234"


@EACH_HOLD
async def test_a_message_is_heard_where_it_has_got_to(
    customer: Customer, files: FileServer, direction: str, nowhere: bool
) -> None:
    """It goes on in time, and what was held back is no loss."""
    call, session = await playing_tone(customer, files)
    await call.hold(direction, nowhere=nowhere)
    await nothing_is_sent_to(call)
    await call.unhold()
    await hears(call, 1000, asyncio.get_running_loop().time())
    assert call.recording.lost == 0
    assert (await customer.hangup(session, force="enabled")) == OK
    await call.ended()
    assert not call.complaints


@EACH_HOLD
async def test_a_recording_goes_on_through_hold(
    customer: Customer, direction: str, nowhere: bool
) -> None:
    call, _ = await recording(customer)
    await call.say(tone(700, 500))
    await call.hold(direction, nowhere=nowhere)
    await nothing_is_sent_to(call)
    await call.unhold()
    await call.say(tone(1900, 500))
    await call.send_digits("#")
    told = await customer.receiver.next(ivr_block="record")
    assert told["call_state"] == "ongoing"
    pcm = await fetched(told["record_url"])
    first, second = find_tone(pcm, 700), find_tone(pcm, 1900)
    assert first is not None
    assert second is not None
    assert second[0] - first[1] > 350, "the time on hold is in it"


@pytest.mark.parametrize(
    ("direction", "nowhere", "who"),
    slow_but(
        [("sendonly", False, 0), ("sendrecv", True, 1)],
        [(*hold, who) for hold in HOLDS for who in (0, 1)],
    ),
)
async def test_a_joined_phone_may_hold_the_other(
    customer: Customer, callee: Callee, who: int, direction: str, nowhere: bool
) -> None:
    legs = await transferred(customer, callee)
    await assert_joined(*legs)
    await legs[who].hold(direction, nowhere=nowhere)
    await nothing_is_sent_to(legs[who])
    await legs[who].unhold()
    await assert_joined(*legs)
    assert legs[who].recording.lost == 0
    assert not [leg.complaints for leg in legs if leg.complaints]
    await legs[0].hang_up()
    told = await customer.receiver.next()
    assert (told["call_state"], told["transfer_status"]) == ("ended", "answered")


@EACH_HOLD
async def test_a_member_of_a_room_may_hold_it(
    customer: Customer, direction: str, nowhere: bool
) -> None:
    members = []
    for _ in range(3):
        call, told = await customer.call()
        await customer.block("end/transfer", told["session"], dest="room:holds")
        await call.answered()
        members.append(call)
    one, two, three = members
    await meet(members)
    await one.hold(direction, nowhere=nowhere)
    await nothing_is_sent_to(one)
    await assert_joined(two, three)
    await one.unhold()
    await assert_joined(one, two)
    await assert_joined(one, three)
    assert one.recording.lost == 0
    for call in members:
        await call.hang_up()


# Packets of other kinds -------------------------------------------------------------------------


@pytest.mark.parametrize("ptime_ms", slow_but([60], [10, 30, 60]))
async def test_phones_with_packets_of_another_length_are_joined(
    customer: Customer, callee: Callee, ptime_ms: int
) -> None:
    call, peer = await transferred(customer, callee, ptime_ms=ptime_ms, codecs=("PCMA",))
    await assert_joined(call, peer)
    lengths = {len(packet.payload) for packet in peer.recording.audio[-5:]}
    assert lengths == {8 * ptime_ms}, "as they were sent"
    await call.send_digits("12#")
    await typed(peer, "12#")
    assert call.recording.lost == peer.recording.lost == 0


@pytest.mark.parametrize("ptime_ms", slow_but([10], [10, 30]))
async def test_phones_with_packets_of_another_length_meet_in_a_room(
    customer: Customer, ptime_ms: int
) -> None:
    legs = []
    for length_ms in (ptime_ms, 20):
        call, told = await customer.call(ptime_ms=length_ms)
        await customer.block("end/transfer", told["session"], dest=f"room:p{ptime_ms}")
        await call.answered()
        legs.append(call)
    await meet(legs)
    await assert_joined(*legs)


async def test_what_cannot_be_relayed_does_not_disturb_what_can(
    customer: Customer, callee: Callee
) -> None:
    """Comfort noise (RFC 3389), numbers that nobody agreed on, and what is no RTP at all."""
    call, peer = await transferred(customer, callee)
    await assert_joined(call, peer)
    odd = [(13, b"\x40"), (99, bytes(160)), (19, b""), (72, bytes(20))] * 5
    for _ in range(30):
        now_s = asyncio.get_running_loop().time()
        saying = asyncio.ensure_future(call.say(tone(700, 1000)))
        for payload_type, payload in odd:
            call.audio.send_odd(payload_type, payload)
            await asyncio.sleep(0.03)
        await saying
        if spoke_in_time(call, now_s):
            break
    await until(lambda: lasts_ms(peer, 700, now_s) > 950, "all that was said, in one piece")
    found = peer.recording.since(now_s)
    assert {packet.payload_type for packet in found.packets} == {0}
    assert np.abs(found.pcm()).max() < 32000
    assert peer.recording.lost == 0, "what is left out is no gap"
