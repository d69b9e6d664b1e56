"""SendDigits: keys for the other side, as events or as tones, and what can cut them short."""

import time
from collections.abc import Callable
from itertools import groupby

import numpy as np
import pytest

from acceptance.asking import OK, heard, sentence, span_s
from acceptance.files import BEEP, LONG, FileServer
from acceptance.harness import Callee, Customer, Onhook
from acceptance.talking import first_of_type, typed, until
from onhook.testing import rtp
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.g711 import RATE_HZ, Pcm
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Receiver
from onhook.testing.rtp import RtpPacket

SEND = "middle/send_digits"
EVENTS = 101
KEYS = "0123456789*#ABCD"
ROWS_HZ = (697, 770, 852, 941)
COLUMNS_HZ = (1209, 1336, 1477, 1633)
PAD = ("123A", "456B", "789C", "*0#D")
FRAME = RATE_HZ // 50


def events(call: CallLeg) -> list[RtpPacket]:
    """The telephone-events that this phone was sent."""
    return [one for one in call.recording.packets if one.payload_type == EVENTS]


def ups(call: CallLeg) -> list[float]:
    """When each key was let go, by the first packet that says so."""
    found: dict[int, float] = {}
    for packet in events(call):
        if rtp.parse_event(packet.payload).end:
            found.setdefault(packet.timestamp, packet.at_s)
    return list(found.values())


def downs(call: CallLeg) -> list[int]:
    """When each key went down, in samples of the line of timestamps."""
    return list(dict.fromkeys(packet.timestamp for packet in events(call)))


def loudest(spectrum: dict[int, float], of: tuple[int, ...]) -> int | None:
    """Which of these tones is there, if one alone is."""
    ranked = sorted(of, key=lambda hz: -spectrum[hz])
    clear = spectrum[ranked[0]] > 500 and spectrum[ranked[0]] > 4 * spectrum[ranked[1]]
    return of.index(ranked[0]) if clear else None


def key_in(frame: Pcm) -> str:
    """The key whose two tones (ITU-T Q.23) are in 20 ms of sound; empty if there is none."""
    at = np.arange(len(frame)) / RATE_HZ
    weighed = frame * np.hanning(len(frame))
    spectrum = {
        hz: 4 * abs(weighed @ np.exp(-2j * np.pi * hz * at)) / len(frame)
        for hz in (*ROWS_HZ, *COLUMNS_HZ)
    }
    row, column = loudest(spectrum, ROWS_HZ), loudest(spectrum, COLUMNS_HZ)
    return "" if row is None or column is None else PAD[row][column]


def decoded(pcm: Pcm) -> list[tuple[str, float, float]]:
    """Every key that can be heard, with when it began and ended, seconds: 60 ms of it at least."""
    half = FRAME // 2
    keys = [key_in(pcm[at : at + FRAME]) for at in range(0, len(pcm) - FRAME, half)]
    found, place = [], 0
    for key, group in groupby(keys):
        count = len(list(group))
        if key and count * half >= 0.06 * RATE_HZ:
            found.append((key, place * half / RATE_HZ, (place + count) * half / RATE_HZ))
        place += count
    return found


def heard_keys(call: CallLeg) -> str:
    return "".join(key for key, _, _ in decoded(call.recording.pcm()))


async def asked(customer: Customer, digits: str, **params: str) -> tuple[PhoneCall, str]:
    """A call that is answered by a SendDigits, by a phone that knows telephone-events; and its session."""
    call, told = await customer.call()
    await customer.block(SEND, told["session"], digits=digits, **params)
    await call.answered()
    return call, told["session"]


async def test_keys_are_sent_and_then_told(customer: Customer) -> None:
    """All sixteen, as events; the notification comes after the last was let go, and the session goes on."""
    call, session = await asked(customer, KEYS, tag="pin")
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["call_state"], told["tag"]) == ("send_digits", "ongoing", "pin")
    assert told["session"] == session
    assert "digits" not in told.form
    assert "debit" not in told.form
    await typed(call, KEYS)
    assert told.at_s > ups(call)[-1]
    assert len(events(call)) == 7 * len(KEYS), "nothing was cut off"
    assert decoded(call.recording.pcm()) == [], "not as tones too"
    assert await customer.hangup(session, notify_url=customer.receiver.url("/over")) == OK
    assert (await customer.receiver.next())["ivr_block"] == "hangup"


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_a_phone_without_events_hears_tones(customer: Customer, codec: str) -> None:
    call, told = await customer.call(telephone_events=False, codecs=(codec,))
    await customer.block(SEND, told["session"], digits="19,*0D#")
    await call.answered()
    over = await customer.receiver.next(ivr_block="send_digits")
    await until(lambda: heard_keys(call) == "19*0D#", "the tones of the keys")
    assert over["call_state"] == "ongoing"
    keys = decoded(call.recording.pcm())
    assert keys[2][1] - keys[1][2] > 0.9, "a comma is a pause of a second"
    assert events(call) == []


async def test_a_comma_is_a_pause_of_a_second(customer: Customer) -> None:
    """By the line of timestamps: before the first key, between two, and behind the last."""
    asked_s = time.monotonic()
    call, _ = await asked(customer, ",1,,2,")
    told = await customer.receiver.next(ivr_block="send_digits")
    await typed(call, "12")
    first, second = downs(call)
    assert (second - first) % 2**32 >= 8 * FRAME + 2 * RATE_HZ
    assert events(call)[0].at_s - asked_s > 0.99
    assert told.at_s - ups(call)[-1] > 0.99


async def test_the_message_comes_first(customer: Customer, files: FileServer) -> None:
    """To its last sample."""
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    call, _ = await asked(customer, "42", msg=msg)
    await customer.receiver.next(ivr_block="send_digits")
    await typed(call, "42")
    pressed_s = await first_of_type(call, EVENTS)
    start, end = span_s(call.recording.pcm(), 1000)
    assert end - start > 0.09
    assert call.recording.audio[-1].at_s < pressed_s


async def test_whoever_was_called_gets_keys(customer: Customer, callee: Callee) -> None:
    """What it is for: a call out is answered by a menu, and passed through it."""
    number, url = callee.another(), customer.receiver.url("/told")
    placed = await customer.post("ivr/start/dial", dest=number, notify_url=url)
    call = await callee.phone.incoming(called=number)
    await call.answer()
    await customer.receiver.next(ivr_block="dial", call_state="ongoing")
    await customer.block(SEND, placed["session"], digits=",2#")
    told = await customer.receiver.next(ivr_block="send_digits")
    assert (told["dest"], told["call_state"]) == (number, "ongoing")
    await typed(call, "2#")


async def test_one_follows_upon_another(customer: Customer) -> None:
    call, session = await asked(customer, "1" * 64)
    await customer.receiver.next(ivr_block="send_digits")
    await customer.block(SEND, session, digits="22")
    await customer.receiver.next(ivr_block="send_digits")
    await typed(call, "1" * 64 + "22")


async def test_what_the_other_side_types_meanwhile_is_kept(customer: Customer) -> None:
    """For the next Gather, as while a message plays."""
    call, session = await asked(customer, ",,1")
    await call.send_digits("57")
    await customer.receiver.next(ivr_block="send_digits")
    await customer.block("middle/gather", session, max_digits="2")
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "57"
    await typed(call, "1")


async def test_without_a_notify_url_it_hangs_up_after_the_last_key(customer: Customer) -> None:
    call, told = await customer.call()
    assert await customer.post("ivr/" + SEND, session=told["session"], digits="34") == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert call.recording.digits() == "34"
    assert customer.receiver.waiting() == []


async def test_nothing_else_may_come_in_between(customer: Customer) -> None:
    call, session = await asked(customer, "7" + "," * 30 + "9")
    again = await customer.post("ivr/" + SEND, session=session, digits="8")
    assert again["status"] == "error_session_not_ready"
    await typed(call, "7")
    await call.hang_up()
    over = await customer.receiver.next()
    assert (over["ivr_block"], over["call_state"]) == ("send_digits", "ended"), "it went on"


async def test_a_forced_hangup_cuts_it_short(customer: Customer) -> None:
    call, session = await asked(customer, "12,,,,,,,,,,34")
    await typed(call, "12")
    url = customer.receiver.url("/forced")
    assert await customer.hangup(session, force="enabled", notify_url=url) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    over = await customer.receiver.next()
    assert (over["ivr_block"], over["call_state"]) == ("hangup", "ended")
    assert "digits" not in over.form
    assert call.recording.digits() == "12"


async def test_the_other_side_hangs_up_in_the_middle(customer: Customer) -> None:
    call, _ = await asked(customer, "12,,,,,,,,,,34", tag="t")
    await typed(call, "12")
    await call.hang_up()
    over = await customer.receiver.next()
    assert (over["ivr_block"], over["call_state"], over["tag"]) == ("send_digits", "ended", "t")
    assert (over["ended_by"], over["debit"]) == ("caller", "0.020")


async def test_the_other_side_hangs_up_in_the_message(
    customer: Customer, files: FileServer
) -> None:
    call, _ = await asked(customer, "1", msg=f"<url>{files.serve('long.wav', LONG)}</url>")
    await heard(call, 20)
    await call.hang_up()
    over = await customer.receiver.next()
    assert (over["ivr_block"], over["call_state"]) == ("send_digits", "ended")
    assert events(call) == []


async def test_digits_are_not_logged(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """Not even where phone numbers are: they may be somebody's secret."""
    customer = await Customer.make(start(log_private="true"), receiver, phone)
    call, session = await asked(customer, "8074193526")
    await receiver.next(ivr_block="send_digits")
    refused = await customer.post("ivr/" + SEND, session=session, digits="8074193526x")
    assert refused["status"] == "error_invalid_digits"
    await customer.hangup(session)
    await call.ended()
    await until(lambda: "call_ended" in customer.server.log, "the end in the log")
    assert "8074193526" not in customer.server.log


WRONG = (
    ({"digits": ""}, "error_digits_param_missing"),
    ({"digits": " "}, "error_invalid_digits"),
    ({"digits": "1" * 65}, "error_invalid_digits"),
    ({"digits": "12e"}, "error_invalid_digits"),
    ({"digits": "12a"}, "error_invalid_digits"),
    ({"digits": "1 2"}, "error_invalid_digits"),
    ({"digits": "12\n"}, "error_invalid_digits"),
    ({"digits": "١٢"}, "error_invalid_digits"),
    ({"digits": "+65"}, "error_invalid_digits"),
    ({"digits": "x", "notify_url": "bad"}, "error_invalid_notify_url"),
    ({"tag": "x" * 257}, "error_tag_invalid_length"),
    ({"session": "S1"}, "error_invalid_session"),
)


async def test_what_is_wrong_is_refused_and_the_call_rings_on(customer: Customer) -> None:
    call, told = await customer.call()
    url = customer.receiver.url()
    for params, status in WRONG:
        given = {"session": told["session"], "notify_url": url, "digits": "1", **params}
        reply = await customer.post("ivr/" + SEND, **given)
        assert reply["status"] == status, params
        sentence(reply)
    assert not call.is_over()
    assert call.log.received(200) == []
