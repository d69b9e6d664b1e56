"""Transfer: the caller is joined to somebody else, or to a room, and what can become of that."""

import asyncio
import re
import time
from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from acceptance.asking import OK, heard, rows, sentence, span_s
from acceptance.files import BEEP, FileServer
from acceptance.harness import Callee, Customer
from acceptance.talking import (
    PATIENCE_S,
    assert_joined,
    hears,
    is_heard,
    listening,
    meet,
    typed,
    until,
)
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import find_tone, tone

TRANSFER = "end/transfer"


async def transferred(
    customer: Customer, callee: Callee, *, dialled: str = "", **params: str
) -> tuple[PhoneCall, IncomingPhoneCall, str]:
    """The caller, the phone that rings at the other end, and the session."""
    number = callee.another()
    call, told = await customer.call()
    await customer.block(TRANSFER, told["session"], dest=number + dialled, **params)
    await call.answered()
    peer = await callee.phone.incoming(called=number)
    peer.ring()
    return call, peer, told["session"]


async def test_two_calls_are_joined(customer: Customer, callee: Callee) -> None:
    """Ring back while it rings, then each hears the other; the terminal notification has it all."""
    call, peer, session = await transferred(customer, callee, tag="sales")
    await heard(call, 20)
    await peer.answer()
    await assert_joined(call, peer)
    assert customer.receiver.waiting() == []
    await call.hang_up()
    assert (await peer.ended()).how is How.BYE_RECEIVED
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["call_state"]) == ("transfer", "ended")
    assert (told["transfer_status"], told["tag"]) == ("answered", "sales")
    assert (told["from"], told["to"]) == (customer.phone.number, customer.number)
    assert told["ended_by"] == "caller"
    assert (told["rate"], told["duration"], told["debit"]) == ("0.040", "1", "0.040")
    assert told["session"] == session


async def test_the_callee_hangs_up(customer: Customer, callee: Callee) -> None:
    call, peer, _ = await transferred(customer, callee)
    await peer.answer()
    await peer.hang_up()
    assert (await call.ended()).how is How.BYE_RECEIVED
    told = await customer.receiver.next()
    assert (told["call_state"], told["transfer_status"]) == ("ended", "answered")
    assert told["ended_by"] == "callee"


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_phones_with_other_codecs_are_joined(
    customer: Customer, callee: Callee, codec: str
) -> None:
    call, peer, _ = await transferred(customer, callee)
    await peer.answer(codecs=(codec,))
    await assert_joined(call, peer)


@pytest.mark.parametrize(("code", "status"), [(486, "busy"), (480, "unanswered"), (404, "failed")])
@pytest.mark.parametrize("on_failure", ["hangup", "continue"])
async def test_the_callee_is_not_reached(
    customer: Customer, callee: Callee, on_failure: str, code: int, status: str
) -> None:
    call, peer, session = await transferred(customer, callee, on_failure=on_failure)
    peer.reject(code)
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["transfer_status"]) == ("transfer", status)
    if on_failure == "hangup":
        assert told["call_state"] == "ended"
        assert (told["cause"], told["rate"]) == ("transfer_failed", "0.020")
        assert (await call.ended()).how is How.BYE_RECEIVED
        return
    assert told["call_state"] == "ongoing"
    assert "debit" not in told.form
    assert await customer.hangup(session, notify_url=customer.receiver.url("/over")) == OK
    assert (await customer.receiver.next())["rate"] == "0.020", "nobody answered, nobody is charged"


async def test_nobody_answers_in_time(customer: Customer, callee: Callee) -> None:
    _, peer, _ = await transferred(customer, callee, ring_time="1", on_failure="continue")
    assert (await peer.cancelled()).how is How.CANCEL_RECEIVED
    told = await customer.receiver.next()
    assert (told["call_state"], told["transfer_status"]) == ("ongoing", "unanswered")


async def test_the_caller_gives_up_while_it_rings(customer: Customer, callee: Callee) -> None:
    call, peer, _ = await transferred(customer, callee)
    await call.hang_up()
    assert (await peer.cancelled()).how is How.CANCEL_RECEIVED
    told = await customer.receiver.next()
    assert (told["call_state"], told["transfer_status"]) == ("ended", "unanswered")
    assert told["rate"] == "0.020"


async def test_a_message_comes_first(customer: Customer, callee: Callee, files: FileServer) -> None:
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    call, peer, _ = await transferred(customer, callee, msg=msg)
    span_s(call.recording.pcm(), 1000)
    await peer.answer()
    await assert_joined(call, peer)


async def test_what_the_callees_network_plays_is_heard(customer: Customer, callee: Callee) -> None:
    call, peer, _ = await transferred(customer, callee)
    await peer.early_media(tone(1500, 800))
    await hears(call, 1500)
    peer.reject(486)
    assert (await customer.receiver.next())["transfer_status"] == "busy"


async def test_a_phone_that_may_be_heard_and_is_not_leaves_our_ring_back(
    customer: Customer, callee: Callee
) -> None:
    """A 180 with SDP, and no audio behind it; then there is some, by the same or another response."""
    call, peer, _ = await transferred(customer, callee)
    peer.ring(media=True)
    silent_s = time.monotonic()
    await hears(call, 425, silent_s)
    await peer.early_media(tone(1500, 800))
    await hears(call, 1500)
    await peer.answer()
    await assert_joined(call, peer)


async def test_digits_are_dialled_once_it_is_answered(customer: Customer, callee: Callee) -> None:
    call, peer, _ = await transferred(customer, callee, dialled=",12#")
    await peer.answer()
    await typed(peer, "12#")
    await assert_joined(call, peer)


async def test_keys_reach_the_other_side(customer: Customer, callee: Callee) -> None:
    call, peer, _ = await transferred(customer, callee)
    await peer.answer()
    await call.send_digits("42")
    await call.info_digit("7")
    await typed(peer, "427")


async def test_keys_that_are_told_of_twice_reach_the_other_side_once(
    customer: Customer, callee: Callee
) -> None:
    """In RTP and by SIP INFO, one after the other or at once; a key behind each shows that no other one came
    before."""
    call, peer, _ = await transferred(customer, callee)
    await peer.answer()
    await call.send_digits("3")
    await call.info_digit("3")
    await call.info_digit("9")
    await typed(peer, "39")
    await asyncio.gather(call.info_digit("8"), call.send_digits("8"))
    await call.info_digit("6")
    await typed(peer, "3986")


async def test_a_forced_hangup_ends_both(customer: Customer, callee: Callee) -> None:
    call, peer, session = await transferred(customer, callee)
    await peer.answer()
    refused = await customer.hangup(session)
    assert refused["status"] == "error_session_not_ready"
    url = customer.receiver.url("/forced")
    assert await customer.hangup(session, force="enabled", notify_url=url) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert (await peer.ended()).how is How.BYE_RECEIVED
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["rate"]) == ("hangup", "0.040")


async def test_a_caller_on_hold_by_its_own_phone_comes_back(
    customer: Customer, callee: Callee
) -> None:
    """Re-INVITEs of either side, to hold, to come back, and to move, do the joined call no harm."""
    call, peer, _ = await transferred(customer, callee)
    await peer.answer()
    await call.hold()
    await call.unhold()
    await peer.move()
    await assert_joined(call, peer)


async def test_the_caller_may_show_its_own_number(customer: Customer, callee: Callee) -> None:
    _, peer, _ = await transferred(customer, callee, caller_id=customer.phone.number)
    assert peer.asserted == customer.phone.number
    peer.reject(486)
    await customer.receiver.next()


WRONG = (
    ({"dest": ""}, "error_dest_param_missing"),
    ({"dest": "x"}, "error_dest_invalid"),
    ({"dest": "+6591000000,,x"}, "error_dest_invalid"),
    ({"dest": "+4930123456"}, "error_dest_not_supported"),
    ({"dest": "room:" + "x" * 33}, "error_invalid_room"),
    ({"on_failure": "maybe"}, "error_on_failure_invalid"),
    ({"caller_id": "+6590000000"}, "error_caller_id_invalid"),
)


async def test_what_cannot_be_is_refused_and_the_call_rings_on(
    customer: Customer, callee: Callee
) -> None:
    call, told = await customer.call()
    for params, status in WRONG:
        asked = {"session": told["session"], "dest": callee.another(), **params}
        reply = await customer.post("ivr/end/transfer", **asked)
        assert reply["status"] == status, params
        sentence(reply)
    assert not call.is_over()
    assert callee.calls == []


# Rooms -----------------------------------------------------------------------------------------


async def in_room(customer: Customer, room: str) -> tuple[PhoneCall, str, str]:
    """A caller in a room, its session, and the room's name."""
    call, told = await customer.call()
    reply = await customer.block(TRANSFER, told["session"], dest=room)
    assert set(reply) == {"status", "room"}
    await call.answered()
    return call, told["session"], reply["room"]


async def test_everybody_in_a_room_hears_everybody_else(customer: Customer) -> None:
    first, _, room = await in_room(customer, "room:")
    second, _, same = await in_room(customer, f"room:{room}")
    third, _, _ = await in_room(customer, f"+1room:{room}")
    assert same == room
    calls = {700.0: first, 1100.0: second, 1900.0: third}
    await meet([first, second, third])
    await asyncio.gather(*(call.say(tone(hz, 800)) for hz, call in calls.items()))
    for own, call in calls.items():
        others = await everybody_heard(call, own, calls)
        itself = loudness(call.recording.pcm().astype(float), own)
        assert itself < others / 20, f"{own} hears itself"
    await first.hang_up()
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["transfer_status"]) == ("transfer", "answered")
    assert (told["rate"], told["call_state"]) == ("0.020", "ended")
    assert not second.is_over()


async def everybody_heard(call: CallLeg, own: float, tones: Iterable[float]) -> float:
    """Waits until all tones but its own are heard on a call; how loud the one is that is heard least."""

    def loud() -> float:
        pcm = call.recording.pcm().astype(float)
        return min(loudness(pcm, hz) for hz in tones if hz != own)

    await until(lambda: loud() > 1000, f"{own} hears everybody")
    return loud()


def loudness(pcm: NDArray[np.float64], hz: float) -> float:
    """The amplitude of a tone in the loudest half second, from 0 to 32767."""
    window = 4000
    # Without the soft edges, another tone that begins within the window would be heard here too.
    turn = np.exp(-2j * np.pi * hz * np.arange(window) / 8000) * np.hanning(window) * 2
    return max(
        float(2 * abs(np.dot(pcm[at : at + window], turn)) / window)
        for at in range(0, max(1, len(pcm) - window), 400)
    )


async def test_a_room_takes_eight(customer: Customer) -> None:
    _, _, room = await in_room(customer, "room:")
    for _ in range(7):
        await in_room(customer, f"room:{room}")
    call, told = await customer.call()
    params = {"dest": f"room:{room}", "notify_url": customer.receiver.url()}
    reply = await customer.post("ivr/end/transfer", session=told["session"], **params)
    assert reply["status"] == "error_invalid_room"
    sentence(reply)
    assert not call.is_over()


async def test_a_room_belongs_to_its_application(customer: Customer) -> None:
    """Another one of the account has another room of the same name."""
    other = await Customer.make(customer.server, customer.receiver, customer.phone)
    one, _, room = await in_room(customer, "room:shared")
    stranger, _, same = await in_room(other, "room:shared")
    friend, _, _ = await in_room(customer, "room:shared")
    assert room == same == "shared"
    came = listening(friend, 700, min_ms=300)
    async with asyncio.timeout(PATIENCE_S):
        while not came():
            await one.say(tone(700, 500))
    assert find_tone(stranger.recording.pcm(), 700) is None


async def test_a_room_without_a_name_gets_one_that_every_client_takes(customer: Customer) -> None:
    for _ in range(8):
        call, _, room = await in_room(customer, "room:")
        assert re.fullmatch(r"[A-Za-z0-9]{1,32}", room)
        await call.hang_up()


async def test_members_are_moderated(customer: Customer) -> None:
    speaker, session, room = await in_room(customer, "room:")
    listener, _, _ = await in_room(customer, f"room:{room}")
    await meet([speaker, listener])
    txn_ref = await reference_of(customer, session)
    muted = await customer.post("conference/moderate", txn_ref=txn_ref, action="mute")
    assert muted == OK
    await speaker.say(tone(700, 500))
    await asyncio.sleep(0.3)
    assert find_tone(listener.recording.pcm(), 700) is None
    unmuted = await customer.post("conference/moderate", txn_ref=txn_ref, action="unmute")
    assert unmuted == OK
    await is_heard(speaker, listener, 700)
    kicked = await customer.post("conference/moderate", txn_ref=txn_ref, action="kick")
    assert kicked == OK
    assert (await speaker.ended()).how is How.BYE_RECEIVED
    told = await customer.receiver.next()
    assert (told["call_state"], told["cause"]) == ("ended", "kicked")
    assert not listener.is_over()


async def reference_of(customer: Customer, session: str) -> str:
    """The txn_ref of a session of this customer."""
    [(reference,)] = rows(customer.server, "SELECT txn_ref FROM calls WHERE session = ?", session)
    return str(reference)
