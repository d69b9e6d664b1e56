"""voice/call, voice/hangup, voice/conference, conference/call and conference/moderate."""

import asyncio
import re
from collections.abc import Callable

import pytest

from acceptance.accounts import own_account
from acceptance.asking import OK, sentence
from acceptance.harness import Callee, Customer, Onhook, free_port
from acceptance.talking import PATIENCE_S, assert_joined, is_heard
from onhook.cli import trunks
from onhook.testing.call_log import How
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

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
    assert (status["call_status_dest1"], status["call_status_dest2"]) == ("ongoing", "ongoing")
    assert (status["currency"], status["rate"], status["tag"]) == ("SGD", "0.020", "t")
    assert "date" in status
    assert not {"duration", "debit"} & set(status)
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


async def test_each_number_sees_whom_it_is_joined_to(customer: Customer, callee: Callee) -> None:
    """dest1 is shown dest2; what dest2 sees is caller_id."""
    await own_account(customer)
    one, second, _ = await called_both(customer, callee, caller_id=customer.number)
    assert (one.caller_id, one.asserted, one.privacy) == (second, second, "")
    await one.answer()
    two = await callee.phone.incoming(called=second)
    assert (two.caller_id, two.asserted) == (customer.number, customer.number)
    two.reject(486)


async def test_a_private_caller_is_private_to_the_second_only(
    customer: Customer, callee: Callee
) -> None:
    one, second, _ = await called_both(customer, callee, caller_id="private")
    assert (one.caller_id, one.privacy) == (second, "")
    await one.answer()
    two = await callee.phone.incoming(called=second)
    assert (two.caller_id, two.privacy) == ("anonymous", "id")
    two.reject(486)


async def test_the_longest_time_runs_from_the_answer_of_the_second(
    customer: Customer, callee: Callee
) -> None:
    """The first waits for longer than that until the second answers."""
    one, second, _ = await called_both(customer, callee, max_duration="1")
    await one.answer()
    two = await callee.phone.incoming(called=second)
    two.ring()
    await asyncio.sleep(1.5)
    assert not one.is_over()
    await two.answer()
    assert (await one.ended()).how is How.BYE_RECEIVED
    assert (await two.ended()).how is How.BYE_RECEIVED
    told = await customer.receiver.next()
    assert (told["ended_by"], told["cause"]) == ("system", "max_duration")
    assert (told["call_status_dest1"], told["call_status_dest2"]) == ("answered", "answered")


async def status_of(customer: Customer, txn_ref: str) -> dict[str, str]:
    """How a call stands, once it is over."""
    async with asyncio.timeout(PATIENCE_S):
        while "debit" not in (status := await customer.post("voice/query_status", txn_ref=txn_ref)):
            await asyncio.sleep(0.05)
    return status


@pytest.mark.parametrize(
    "outcome", ["answered", "busy", "failed", "unanswered", "forced", "never called"]
)
async def test_without_a_notify_url_the_status_says_what_became_of_the_second(
    customer: Customer, callee: Callee, outcome: str
) -> None:
    one, second, reply = await called_both(customer, callee, notify_url="")
    first = "answered"
    if outcome == "never called":
        one.reject(486)
        outcome, first = "unanswered", "busy"
    else:
        await one.answer()
        two = await callee.phone.incoming(called=second)
        match outcome:
            case "answered":
                await two.answer()
                await one.hang_up()
            case "busy":
                two.reject(486)
            case "failed":
                two.reject(404)
            case "unanswered":
                two.ring()
                await one.hang_up()
            case "forced":
                await two.answer()
                hung_up = await customer.post("voice/hangup", txn_ref=reply["txn_ref"])
                assert hung_up == OK
                outcome = "answered"
    status = await status_of(customer, reply["txn_ref"])
    assert (status["call_status_dest1"], status["call_status_dest2"]) == (first, outcome)
    assert (status["call_status_dest_1"], status["call_status_dest_2"]) == (first, outcome)
    assert customer.receiver.waiting() == []


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"dest1": "12"}, "error_dest1_invalid"),
        ({"dest2": "12"}, "error_dest2_invalid"),
        ({"dest1": ""}, "error_dest1_invalid"),
        ({"dest2": ""}, "error_dest2_param_missing"),
        ({"dest1": "+6591000001", "dest2": "006591000001"}, "error_same_dest1_dest2"),
        ({"dest1": "+4930123456"}, "error_dest1_not_supported"),
        ({"dest2": "+4930123456"}, "error_dest2_not_supported"),
        ({"caller_id": "+4930123456"}, "error_caller_id_invalid"),
    ],
)
async def test_what_is_wrong_with_two_numbers_names_which(
    customer: Customer, callee: Callee, params: dict[str, str], status: str
) -> None:
    asked = {"dest1": callee.another(), "dest2": callee.another(), **params}
    reply = await customer.post("voice/call", **asked)
    assert reply["status"] == status
    sentence(reply)
    assert callee.calls == []


async def test_the_registered_number_is_called_first(customer: Customer, callee: Callee) -> None:
    """And is not joined to itself."""
    registered, second = callee.another(), callee.another()
    await own_account(customer, mobile_number=registered)
    reply = await customer.post("voice/call", dest2=registered)
    assert reply["status"] == "error_same_dest1_dest2"
    assert (await customer.post("voice/call", dest2=second))["status"] == "success_ok"
    one = await callee.phone.incoming(called=registered)
    assert one.asserted == second
    one.reject(486)


async def test_two_numbers_are_one_call_of_the_limit(customer: Customer, callee: Callee) -> None:
    """Eight call-backs ring at once, with both of their phones; the ninth is too many."""
    await own_account(customer)
    joined = []
    for _ in range(8):
        one, second, _ = await called_both(customer, callee)
        await one.answer()
        two = await callee.phone.incoming(called=second)
        await two.answer()
        joined.append((one, two))
    asked = {"dest1": callee.another(), "dest2": callee.another()}
    ninth = await customer.post("voice/call", **asked)
    assert ninth["status"] == "error_concurrent_call_limit_reached"
    sentence(ninth)
    assert not any(leg.is_over() for pair in joined for leg in pair)
    await joined[0][0].hang_up()
    await customer.receiver.next(call_state="ended")
    assert (await customer.post("voice/call", **asked))["status"] == "success_ok"


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
    await is_heard(one, two, 700)
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
    await assert_joined(call, member)


async def test_members_are_invited_one_after_the_other(customer: Customer, callee: Callee) -> None:
    """In the order of dest; nobody waits for an answer. They are as many as an account may call at once."""
    await own_account(customer)
    numbers = [callee.another() for _ in range(8)]
    reply = await customer.post("conference/call", dest=",".join(numbers))
    assert reply["status"] == "success_ok"
    members = [await callee.phone.incoming(called=number) for number in numbers]
    assert [call.called for call in callee.calls] == numbers
    for member in members:
        member.reject(486)


async def test_members_behind_trunks_of_other_speed_are_invited_in_their_order(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """The first trunk's name takes a while to be found, or is not found at all."""
    server = start()
    customer = await Customer.make(server, receiver, phone)
    port = free_port()
    for name, proxy, prefix in [
        ("named", f"localhost:{port}", "+6591"),
        ("numeric", f"127.0.0.1:{port}", "+6592"),
        ("nobody", "nobody.invalid", "+6593"),
    ]:
        await trunks.add(server.data, trunks.Given(name, proxy, prefix=prefix))
    numbers = ["+6591000001", "+6592000001", "+6593000001", "+6592000002", "+6591000002"]
    async with Phone(port=port) as other:
        reply = await customer.post("conference/call", dest=",".join(numbers))
        assert reply["status"] == "success_ok"
        reached = [number for number in numbers if not number.startswith("+6593")]
        for number in reached:
            (await other.incoming(called=number)).reject(486)
        assert [call.called for call in other.incoming_calls] == reached


async def test_a_hangup_by_reference_ends_that_member_only(
    customer: Customer, callee: Callee
) -> None:
    numbers = [callee.another(), callee.another()]
    reply = await customer.post("conference/call", dest=",".join(numbers))
    one, two = [await callee.phone.incoming(called=number) for number in numbers]
    await one.answer()
    await two.answer()
    assert await customer.post("voice/hangup", txn_ref=reply["txn_refs"][0]) == OK
    assert (await one.ended()).how is How.BYE_RECEIVED
    await status_of(customer, reply["txn_refs"][0])
    assert not two.is_over()


@pytest.mark.parametrize("path", ["voice/conference", "conference/call"])
async def test_a_room_without_a_name_gets_one_of_letters_and_digits(
    customer: Customer, callee: Callee, path: str
) -> None:
    reply = await customer.post(path, dest=callee.another())
    assert re.fullmatch(r"[A-Za-z0-9]{1,32}", reply["room"])


async def test_nine_numbers_are_too_many(customer: Customer, callee: Callee) -> None:
    dest = ",".join(callee.another() for _ in range(9))
    reply = await customer.post("conference/call", dest=dest)
    assert reply["status"] == "error_dest_invalid"
    assert callee.calls == []
