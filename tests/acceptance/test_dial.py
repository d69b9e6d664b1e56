"""Dial: a call that the application places, through a trunk, and everything that can become of it."""

import asyncio

import pytest

from acceptance.asking import OK, heard, rows, sentence
from acceptance.files import BEEP, LONG, FileServer
from acceptance.harness import Callee, Customer
from onhook.testing.call_log import How
from onhook.testing.incoming_call import IncomingPhoneCall


async def dialled(
    customer: Customer, callee: Callee, **params: str
) -> tuple[IncomingPhoneCall, dict[str, str]]:
    """The phone at the other end, which rings, and the reply to the request."""
    call, reply = await called(customer, callee, **params)
    call.ring()
    return call, reply


async def called(
    customer: Customer, callee: Callee, **params: str
) -> tuple[IncomingPhoneCall, dict[str, str]]:
    """The same, of a phone that has not said that it rings."""
    number = callee.another()
    url = customer.receiver.url("/dial")
    reply = await customer.post("ivr/start/dial", **{"dest": number, "notify_url": url, **params})
    assert reply["status"] == "success_ok", reply
    return await callee.phone.incoming(called=number), reply


async def test_a_call_is_placed_answered_and_steered(
    customer: Customer, callee: Callee, files: FileServer
) -> None:
    """The message is heard once it is answered; then the application has the word."""
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    call, reply = await dialled(customer, callee, msg=msg, tag="reminder")
    assert set(reply) == {"status", "txn_ref", "session"}
    assert customer.receiver.waiting() == []
    await call.answer()
    told = await customer.receiver.next()
    assert len(call.recording.audio) >= len(BEEP) // 320 - 1
    assert told["ivr_block"] == "dial"
    assert (told["call_state"], told["dial_status"]) == ("ongoing", "answered")
    assert told["dest"] == call.called
    assert (told["session"], told["txn_ref"]) == (reply["session"], reply["txn_ref"])
    assert told["tag"] == "reminder"
    assert not {"from", "to", "debit"} & set(told.form)
    status = await customer.post("voice/query_status", txn_ref=reply["txn_ref"])
    assert (status["dest1"], status["call_status_dest1"]) == (call.called, "ongoing")
    assert (status["rate"], status["tag"]) == ("0.020", "reminder")
    assert not {"duration", "debit"} & set(status)
    await customer.block("middle/gather", reply["session"], max_digits="1")
    await call.send_digits("1")
    assert (await customer.receiver.next())["digits"] == "1"
    over = customer.receiver.url("/over")
    assert await customer.hangup(reply["session"], notify_url=over) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await customer.receiver.next()
    assert (last["ivr_block"], last["call_state"]) == ("hangup", "ended")
    assert (last["dest"], last["duration"], last["debit"]) == (call.called, "1", "0.020")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (486, "busy"), (600, "busy"), (408, "unanswered"), (480, "unanswered"),
        (487, "unanswered"), (404, "failed"), (603, "failed"), (500, "failed"), (302, "failed"),
    ],
)  # fmt: skip
async def test_what_the_callee_answers_is_told(
    customer: Customer, callee: Callee, code: int, status: str
) -> None:
    """One notification, with the bill of nothing, and the SIP code in the record."""
    call, reply = await dialled(customer, callee)
    call.reject(code)
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["call_state"]) == ("dial", "ended")
    assert told["dial_status"] == status
    assert (told["duration"], told["debit"]) == ("0", "0.000")
    found = rows(customer.server, "SELECT sip_code FROM calls WHERE session = ?", reply["session"])
    assert found == [(code,)]
    asked = await customer.post("voice/query_status", txn_ref=reply["txn_ref"])
    assert (asked["dest1"], asked["call_status_dest1"]) == (call.called, status)
    again = await customer.hangup(reply["session"])
    assert again["status"] == "error_session_ended"


async def test_nobody_answers(customer: Customer, callee: Callee) -> None:
    """Nor does the phone say that it rings: on a busy machine it may be given up before that."""
    call, _ = await called(customer, callee, ring_time="1")
    assert (await call.cancelled()).how is How.CANCEL_RECEIVED
    told = await customer.receiver.next()
    assert (told["call_state"], told["dial_status"]) == ("ended", "unanswered")
    assert told["debit"] == "0.000"


async def test_a_forced_hangup_stops_the_ringing(customer: Customer, callee: Callee) -> None:
    call, reply = await dialled(customer, callee)
    for path, params in (("end/hangup", {}), ("middle/play", {"msg": "Hi."})):
        refused = await customer.post(f"ivr/{path}", session=reply["session"], **params)
        assert refused["status"] == "error_session_not_ready"
    url = customer.receiver.url("/forced")
    assert await customer.hangup(reply["session"], force="enabled", notify_url=url) == OK
    assert (await call.cancelled()).how is How.CANCEL_RECEIVED
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["call_state"], told.path) == ("hangup", "ended", "/forced")
    await asyncio.sleep(0.2)
    assert customer.receiver.waiting() == []


async def test_the_callee_hangs_up_during_the_message(
    customer: Customer, callee: Callee, files: FileServer
) -> None:
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    call, _ = await dialled(customer, callee, msg=msg)
    await call.answer()
    await heard(call, 10)
    await call.hang_up()
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["call_state"]) == ("dial", "ended")
    assert (told["dial_status"], told["ended_by"]) == ("answered", "callee")
    assert told["debit"] == "0.020"


async def test_without_a_notify_url_it_hangs_up_after_the_message(
    customer: Customer, callee: Callee, files: FileServer
) -> None:
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    call, _ = await dialled(customer, callee, msg=msg, notify_url="")
    await call.answer()
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert len(call.recording.audio) >= len(BEEP) // 320 - 1
    await asyncio.sleep(0.2)
    assert customer.receiver.waiting() == []


async def test_a_call_lasts_no_longer_than_it_may(customer: Customer, callee: Callee) -> None:
    call, _ = await dialled(customer, callee, max_duration="1")
    await call.answer()
    assert (await customer.receiver.next())["dial_status"] == "answered"
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["call_state"]) == ("dial", "ended")
    assert (told["ended_by"], told["cause"]) == ("system", "max_duration")
    assert (await call.ended()).how is How.BYE_RECEIVED


@pytest.mark.parametrize("own", [True, False])
async def test_the_callee_sees_who_calls(customer: Customer, callee: Callee, own: bool) -> None:
    caller_id = customer.number if own else "private"
    call, _ = await dialled(customer, callee, caller_id=caller_id)
    if own:
        assert (call.caller_id, call.asserted, call.privacy) == (customer.number,) * 2 + ("",)
    else:
        assert call.caller_id == "anonymous"
        assert call.privacy == "id"
    call.reject(486)
    await customer.receiver.next()


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"dest": ""}, "error_dest_param_missing"),
        ({"dest": "nobody"}, "error_dest_invalid"),
        ({"dest": "room:R1"}, "error_dest_invalid"),
        ({"dest": "+4930123456"}, "error_dest_not_supported"),
        ({"caller_id": "+6590000000"}, "error_caller_id_invalid"),
        ({"caller_id": "me"}, "error_caller_id_invalid"),
        ({"max_duration": "0"}, "error_invalid_max_duration"),
        ({"ring_time": "181"}, "error_invalid_ring_time"),
        ({"notify_url": "ftp://x"}, "error_invalid_notify_url"),
        ({"notify_url": "http://nowhere.invalid/"}, "error_unable_to_resolve_notify_url"),
        ({"msg": "<speech>"}, "error_msg_invalid_xml"),
    ],
)
async def test_what_cannot_be_is_refused_and_nobody_is_called(
    customer: Customer, callee: Callee, params: dict[str, str], status: str
) -> None:
    asked = {"dest": callee.another(), "notify_url": customer.receiver.url(), **params}
    reply = await customer.post("ivr/start/dial", **asked)
    assert reply["status"] == status
    sentence(reply)
    assert callee.calls == []


async def test_a_leading_blank_is_a_plus(customer: Customer, callee: Callee) -> None:
    """One browser client sends its numbers without percent-encoding them."""
    number = callee.another()
    reply = await customer.post("ivr/start/dial", dest=" " + number[1:])
    assert reply["status"] == "success_ok"
    call = await callee.phone.incoming(called=number)
    call.reject(486)
