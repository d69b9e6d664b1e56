"""Gather: digits by RFC 4733 and by SIP INFO, typed ahead, and every way in which it can end."""

import pytest

from acceptance.asking import OK, heard, rows, sentence
from acceptance.files import BEEP, LONG, FileServer, wav
from acceptance.harness import Customer
from acceptance.talking import until
from onhook.testing.call_log import How
from onhook.testing.phone_call import PhoneCall
from onhook.testing.rtp import RtpPacket
from onhook.testing.tones import tone

GATHER = "middle/gather"


async def waiting(
    customer: Customer, files: FileServer, **options: object
) -> tuple[PhoneCall, str]:
    """A call that was answered by a Play, and now waits for the application."""
    call, told = await customer.call(**options)
    await customer.block("middle/play", told["session"], msg=beep(files))
    await customer.receiver.next(ivr_block="play", call_state="ongoing")
    return call, told["session"]


def beep(files: FileServer) -> str:
    return f"<url>{files.serve('beep.wav', BEEP)}</url>"


async def test_digits_are_gathered(customer: Customer) -> None:
    """The first block answers the call; what was typed is told, and the session goes on."""
    call, told = await customer.call()
    reply = await customer.block(GATHER, told["session"], max_digits="4", tag="pin")
    assert reply == OK
    await call.answered()
    await call.send_digits("10*2")
    heard = await customer.receiver.next(ivr_block="gather")
    assert heard["digits"] == "10*2"
    assert heard["call_state"] == "ongoing"
    assert heard["tag"] == "pin"
    assert heard["from"] == customer.phone.number
    assert heard["to"] == customer.number
    assert "debit" not in heard.form
    assert await customer.hangup(told["session"], notify_url=customer.receiver.url()) == OK
    assert (await customer.receiver.next(ivr_block="hangup"))["call_state"] == "ended"


async def test_digits_by_sip_info(customer: Customer) -> None:
    call, told = await customer.call()
    await customer.block(GATHER, told["session"], max_digits="2")
    await call.answered()
    for digit in "7#":
        await call.info_digit(digit)
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "7"


@pytest.mark.parametrize("first", ["rtp", "info"])
async def test_a_key_that_is_told_of_in_rtp_and_by_sip_info_is_one_key(
    customer: Customer, first: str
) -> None:
    """Whichever comes first; and twice the same key is two keys, told of four times."""
    call, told = await customer.call()
    await customer.block(GATHER, told["session"], max_digits="4")
    await call.answered()
    for digit in "5512":
        if first == "info":
            await call.info_digit(digit)
        await call.send_digits(digit)
        if first == "rtp":
            await call.info_digit(digit)
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "5512"


@pytest.mark.parametrize("lost", [0, 2])
async def test_a_digit_is_one_digit_however_many_of_its_packets_arrive(
    customer: Customer, lost: int
) -> None:
    """Three end packets are one digit, and one is enough."""
    call, told = await customer.call()
    await customer.block(GATHER, told["session"], max_digits="6")
    await call.answered()
    await call.send_digits("112233", end_packets=3 - lost)
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "112233"


def quiet(call: PhoneCall) -> list[RtpPacket]:
    """The silence that has come since the last sound did."""
    sounded_s = call.recording.audio[-1].at_s
    return [one for one in call.recording.silence if one.at_s > sounded_s]


async def test_a_digit_stops_the_message_at_once(customer: Customer, files: FileServer) -> None:
    call, told = await customer.call()
    long = wav(tone(1000, 30_000))
    msg = f"<url>{files.serve('long.wav', long)}</url>"
    await customer.block(GATHER, told["session"], max_digits="2", msg=msg)
    await call.answered()
    await heard(call, 20)
    await call.send_digits("5")
    await until(lambda: len(quiet(call)) >= 20, "silence")
    await call.send_digits("6")
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "56"


async def test_the_hash_ends_it_and_is_no_digit(customer: Customer) -> None:
    call, told = await customer.call()
    await customer.block(GATHER, told["session"], timeout="60")
    await call.answered()
    await call.send_digits("123#")
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "123"


async def test_what_was_typed_when_the_time_is_over_is_the_result(customer: Customer) -> None:
    call, told = await customer.call()
    await customer.block(GATHER, told["session"], max_digits="9", timeout="3")
    await call.answered()
    await call.send_digits("42")
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "42"


async def test_nothing_typed_is_told_as_nothing(customer: Customer) -> None:
    call, told = await customer.call()
    await customer.block(GATHER, told["session"], timeout="1")
    await call.answered()
    heard = await customer.receiver.next(ivr_block="gather")
    assert heard["digits"] == ""
    assert heard["call_state"] == "ongoing"


async def test_the_message_is_repeated_for_each_attempt(
    customer: Customer, files: FileServer
) -> None:
    call, told = await customer.call()
    await customer.block(
        GATHER, told["session"], msg=beep(files), timeout="1", attempts="3", max_digits="1"
    )
    await call.answered()
    heard = await customer.receiver.next(ivr_block="gather", timeout_s=30)
    assert heard["digits"] == ""
    frames = len(BEEP) // 320
    assert len(call.recording.audio) == pytest.approx(3 * frames, abs=3)


def is_on_disk(customer: Customer, session: str, digits: str) -> bool:
    """Whether these keys are kept for the next block."""
    query = "SELECT going_on FROM calls WHERE session = ?"
    return f'"{digits}"' in str(rows(customer.server, query, session))


async def test_digits_typed_ahead_are_kept_for_the_next_gather(
    customer: Customer, files: FileServer
) -> None:
    """Those beyond what it takes are kept for the one after it; no message is played meanwhile."""
    call, session = await waiting(customer, files)
    before = len(call.recording.audio)
    await call.send_digits("12345#9")
    await until(lambda: is_on_disk(customer, session, "12345#9"), "the keys on disk")
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    await customer.block(GATHER, session, max_digits="3", msg=msg)
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "123"
    await customer.block(GATHER, session, msg=msg)
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "45"
    await customer.block(GATHER, session, max_digits="1", msg=msg)
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "9"
    assert len(call.recording.audio) == before


async def test_the_caller_hangs_up_in_the_middle(customer: Customer) -> None:
    """The block that runs gets the terminal notification, with what was typed and the bill."""
    call, told = await customer.call()
    await customer.block(GATHER, told["session"], max_digits="9", tag="t")
    await call.answered()
    await call.send_digits("77")
    await call.hang_up()
    over = await customer.receiver.next(ivr_block="gather")
    assert over["call_state"] == "ended"
    assert over["digits"] == "77"
    assert over["tag"] == "t"
    assert over["ended_by"] == "caller"
    assert (over["duration"], over["rate"], over["debit"]) == ("1", "0.020", "0.020")


async def test_a_forced_hangup_cuts_it_short(customer: Customer) -> None:
    call, told = await customer.call()
    await customer.block(GATHER, told["session"])
    await call.answered()
    for path in ("middle/play", "middle/gather", "end/hangup", "end/transfer"):
        params = {"msg": "Hi.", "dest": "room:", "notify_url": customer.receiver.url()}
        reply = await customer.post(f"ivr/{path}", session=told["session"], **params)
        assert reply["status"] == "error_session_not_ready"
    url = customer.receiver.url("/forced")
    assert await customer.hangup(told["session"], force="enabled", notify_url=url) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    over = await customer.receiver.next()
    assert (over["ivr_block"], over["call_state"]) == ("hangup", "ended")
    assert over["digits"] == ""


WRONG = (
    ({"max_digits": "256"}, "error_invalid_max_digits"),
    ({"max_digits": "x"}, "error_invalid_max_digits"),
    ({"timeout": "0"}, "error_invalid_timeout"),
    ({"timeout": "601"}, "error_invalid_timeout"),
    ({"attempts": "0"}, "error_invalid_attempts"),
    ({"attempts": "11"}, "error_invalid_attempts"),
    ({"notify_url": ""}, "error_notify_url_param_missing"),
    ({"tag": "x" * 257}, "error_tag_invalid_length"),
    ({"session": "S1"}, "error_invalid_session"),
)


async def test_what_is_wrong_is_refused_and_the_call_rings_on(customer: Customer) -> None:
    call, told = await customer.call()
    for params, status in WRONG:
        asked = {"session": told["session"], "notify_url": customer.receiver.url(), **params}
        reply = await customer.post("ivr/middle/gather", **asked)
        assert reply["status"] == status, params
        sentence(reply)
    assert not call.is_over()
    assert call.log.received(200) == []
