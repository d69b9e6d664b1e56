"""voice/call, voice/hangup, voice/conference, conference/call and conference/moderate."""

import asyncio

import pytest

from acceptance.asking import OK, sentence
from acceptance.harness import Callee, Customer
from acceptance.test_transfer import assert_joined, hears
from onhook.testing.call_log import How
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.tones import tone

# voice/call ------------------------------------------------------------------------------------


async def called_both(
    customer: Customer, callee: Callee, **params: str
) -> tuple[IncomingPhoneCall, str, dict[str, str]]:
    """The first phone, which rings; the number of the second; and the reply."""
    first, second = callee.another(), callee.another()
    url = customer.receiver.url("/call")
    asked = {"dest1": first, "dest2": second, "notify_url": url, **params}
    reply = await customer.post("voice/call", **asked)
    assert reply["status"] == "success_ok", reply
    one = await callee.phone.incoming(called=first)
    one.ring()
    return one, second, reply


async def test_two_numbers_are_joined(customer: Customer, callee: Callee) -> None:
    one, second, reply = await called_both(customer, callee, tag="t")
    assert set(reply) == {"status", "txn_ref"}
    await one.answer()
    two = await callee.phone.incoming(called=second)
    status = await customer.post("voice/query_status", txn_ref=reply["txn_ref"])
    assert status["call_status_dest1"] == "ongoing"
    assert "debit" not in status
    await two.answer()
    await assert_joined(one, two)
    await two.hang_up()
    assert (await one.ended()).how is How.BYE_RECEIVED
    told = await customer.receiver.next()
    assert (told["call_state"], told["txn_ref"], told["tag"]) == ("ended", reply["txn_ref"], "t")
    assert (told["dest1"], told["dest2"]) == (one.called, second)
    for spelling in ("call_status_dest1", "call_status_dest2", "call_status_dest_2"):
        assert told[spelling] == "answered"
    assert (told["rate"], told["debit"]) == ("0.040", "0.040")
    status = await customer.post("voice/query_status", txn_ref=reply["txn_ref"])
    assert (status["dest1"], status["dest2"]) == (one.called, second)
    assert status["call_status_dest_2"] == "answered"
    assert status["debit"] == "0.040"


async def test_the_first_number_is_busy(customer: Customer, callee: Callee) -> None:
    one, second, reply = await called_both(customer, callee)
    one.reject(486)
    told = await customer.receiver.next()
    assert (told["call_status_dest1"], told["call_status_dest2"]) == ("busy", "unanswered")
    assert told["debit"] == "0.000"
    status = await customer.post("voice/query_status", txn_ref=reply["txn_ref"])
    assert status["call_status_dest1"] == "busy"
    assert all(call.called != second for call in callee.calls)


async def test_the_second_number_is_busy(customer: Customer, callee: Callee) -> None:
    one, second, _ = await called_both(customer, callee)
    await one.answer()
    two = await callee.phone.incoming(called=second)
    two.reject(486)
    assert (await one.ended()).how is How.BYE_RECEIVED
    told = await customer.receiver.next()
    assert (told["call_status_dest1"], told["call_status_dest2"]) == ("answered", "busy")
    assert told["rate"] == "0.020"


async def test_a_call_is_hung_up_by_its_reference(customer: Customer, callee: Callee) -> None:
    one, second, reply = await called_both(customer, callee)
    await one.answer()
    two = await callee.phone.incoming(called=second)
    await two.answer()
    asked = {"txn_ref": reply["txn_ref"]}
    assert await customer.post("voice/hangup", **asked) == OK
    assert (await one.ended()).how is How.BYE_RECEIVED
    assert (await two.ended()).how is How.BYE_RECEIVED
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["call_state"]) == ("call", "ended")
    again = await customer.post("voice/hangup", **asked)
    assert again["status"] in ("error_session_ended", "error_hangup_already_in_progress")


async def test_a_steered_call_is_hung_up_by_its_reference(customer: Customer) -> None:
    """Who was to be told of the end is told of it."""
    call, told = await customer.call()
    await customer.block("middle/gather", told["session"], tag="g")
    await call.answered()
    assert await customer.post("voice/hangup", txn_ref=told["txn_ref"]) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    over = await customer.receiver.next()
    assert (over["ivr_block"], over["call_state"], over["tag"]) == ("gather", "ended", "g")


@pytest.mark.parametrize("path", ["voice/hangup", "conference/moderate"])
async def test_references_that_are_nobodys(customer: Customer, path: str) -> None:
    reply = await customer.post(path, txn_ref="AA-C-1", action="kick")
    assert reply["status"] == "error_invalid_txn_ref"
    sentence(reply)


async def test_who_is_in_no_room_cannot_be_moderated(customer: Customer) -> None:
    call, told = await customer.call()
    reply = await customer.post("conference/moderate", txn_ref=told["txn_ref"], action="mute")
    assert reply["status"] == "error_not_in_conference"
    wrong = await customer.post("conference/moderate", txn_ref=told["txn_ref"], action="sing")
    assert wrong["status"] == "error_invalid_action"
    assert not call.is_over()


# Conferences -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["voice/conference", "conference/call"])
async def test_numbers_are_called_into_a_room(
    customer: Customer, callee: Callee, path: str
) -> None:
    numbers = [callee.another(), callee.another()]
    url = customer.receiver.url("/conference")
    reply = await customer.post(path, dest=",".join(numbers), notify_url=url, tag="t")
    assert reply["status"] == "success_ok"
    listed: object = reply["txn_refs"]
    references = listed if isinstance(listed, list) else str(listed).split(",")
    assert isinstance(listed, list) == (path == "conference/call")
    assert len(set(references)) == 2
    one = await callee.phone.incoming(called=numbers[0])
    two = await callee.phone.incoming(called=numbers[1])
    await one.answer()
    await two.answer()
    await asyncio.sleep(0.3)
    await one.say(tone(700, 500))
    await hears(two, 700)
    await one.hang_up()
    told = await customer.receiver.next()
    assert (told["txn_ref"], told["dest"]) == (references[0], numbers[0])
    assert (told["room"], told["tag"]) == (reply["room"], "t")
    assert (told["dial_status"], told["call_state"]) == ("answered", "ended")
    kicked = await customer.post("conference/moderate", txn_ref=references[1], action="kick")
    assert kicked == OK
    assert (await two.ended()).how is How.BYE_RECEIVED
    assert (await customer.receiver.next())["cause"] == "kicked"


async def test_a_member_that_is_busy_is_told_of(customer: Customer, callee: Callee) -> None:
    number = callee.another()
    url = customer.receiver.url("/conference")
    reply = await customer.post("conference/call", dest=number, room="R1", notify_url=url)
    assert reply["room"] == "R1"
    (await callee.phone.incoming(called=number)).reject(486)
    told = await customer.receiver.next()
    assert (told["dial_status"], told["room"]) == ("busy", "R1")


async def test_a_caller_joins_those_who_were_called(customer: Customer, callee: Callee) -> None:
    number = callee.another()
    reply = await customer.post("conference/call", dest=number)
    member = await callee.phone.incoming(called=number)
    await member.answer()
    call, told = await customer.call()
    await customer.block("end/transfer", told["session"], dest=f"room:{reply['room']}")
    await call.answered()
    await asyncio.sleep(0.3)
    await assert_joined(call, member)


async def test_nine_numbers_are_too_many(customer: Customer, callee: Callee) -> None:
    dest = ",".join(callee.another() for _ in range(9))
    reply = await customer.post("conference/call", dest=dest)
    assert reply["status"] == "error_dest_invalid"
    assert callee.calls == []
