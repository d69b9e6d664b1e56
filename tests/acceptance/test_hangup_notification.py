"""What the application is told of a call that it hung up: once, at the end, with everything."""

import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl

import pytest

from acceptance.asking import OK, answer_the_bye, notifications_after_the_end
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer
from onhook.testing.call_log import How

GMT_8 = timezone(timedelta(hours=8))

OF_THE_DOCUMENT = {
    "ivr_block",
    "session",
    "txn_ref",
    "tag",
    "from",
    "to",
    "call_state",
    "date",
    "duration",
    "currency",
    "rate",
    "debit",
}
BEYOND_IT = {"ended_by", "cause"}
BY_TRUNK = {"trunk"}
"""A test before this one may have laid a trunk to the address that the phone has too."""


def gmt_8() -> datetime:
    """Now, to the second, as a clock in Singapore shows it."""
    return datetime.now(UTC).astimezone(GMT_8).replace(tzinfo=None, microsecond=0)


async def test_it_has_every_field_and_no_other(customer: Customer, files: FileServer) -> None:
    """None of another block (digits, record_url, dial_status, ...), and no dest: it came in."""
    call, told = await customer.call(caller="+6591112222")
    params = {"msg": f"<url>{files.serve('beep.wav', BEEP)}</url>", "tag": "t"}
    params["notify_url"] = customer.receiver.url("/end")
    assert await customer.hangup(told["session"], **params) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await customer.receiver.next(session=told["session"])
    assert set(last.form) - BY_TRUNK == OF_THE_DOCUMENT | BEYOND_IT
    assert last.query == last.form
    assert (last.method, last.path) == ("POST", "/end")
    expected = {"ivr_block": "hangup", "call_state": "ended", "tag": "t"}
    expected |= {"from": "+6591112222", "to": customer.number, "txn_ref": told["txn_ref"]}
    expected |= {"duration": "1", "currency": "SGD", "rate": "0.020", "debit": "0.020"}
    assert {name: last[name] for name in expected} == expected
    assert re.fullmatch(r"[A-Z]{2}-C-[0-9]+", last["txn_ref"])


async def test_a_rejected_call_costs_nothing(customer: Customer) -> None:
    call, told = await customer.call()
    notify_url = customer.receiver.url("/end")
    assert await customer.hangup(told["session"], notify_url=notify_url) == OK
    assert (await call.ended()).how is How.REJECTED
    last = await customer.receiver.next(session=told["session"])
    assert set(last.form) - BY_TRUNK == OF_THE_DOCUMENT | BEYOND_IT | {"sip_code"}
    assert (last["duration"], last["rate"], last["debit"]) == ("0", "0.020", "0.000")


async def test_its_date_is_gmt_plus_8(customer: Customer) -> None:
    before = gmt_8()
    call, told = await customer.call()
    await customer.hangup(told["session"], notify_url=customer.receiver.url("/end"))
    await call.ended()
    last = await customer.receiver.next(session=told["session"])
    assert before <= datetime.strptime(last["date"], "%Y-%m-%d %H:%M:%S") <= gmt_8()


async def test_it_carries_the_parameters_of_the_notify_url_too(customer: Customer) -> None:
    """In the query and in the body, before ours; but none that is called like one of ours."""
    call, told = await customer.call()
    notify_url = customer.receiver.url("/end?session=7&shop=1&tag=me&x=a%26b&call%5fstate=mine")
    await customer.hangup(told["session"], notify_url=notify_url)
    await call.ended()
    last = await customer.receiver.next(session=told["session"])
    assert last.query == last.form
    assert (last["shop"], last["x"], last["call_state"]) == ("1", "a&b", "ended")
    assert last.raw_query.startswith("shop=1&x=a%26b&ivr_block=hangup&")
    names = [name for name, _ in parse_qsl(last.raw_query, keep_blank_values=True)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("tag", ["", "a=b&c d+e%20\r\n\N{SNOWMAN}"])
async def test_the_tag_comes_back_as_it_was_sent(customer: Customer, tag: str) -> None:
    call, told = await customer.call()
    await customer.hangup(told["session"], tag=tag, notify_url=customer.receiver.url("/end"))
    await call.ended()
    last = await customer.receiver.next(session=told["session"])
    assert (last.form["tag"], last.query["tag"]) == (tag, tag)


async def test_it_comes_after_the_bye_was_answered(customer: Customer, files: FileServer) -> None:
    """The phone keeps its 200 back until the BYE was repeated; nobody is told before."""
    call, told = await customer.call(answer_bye=False)
    params = {"msg": f"<url>{files.serve('beep.wav', BEEP)}</url>"}
    params["notify_url"] = customer.receiver.url("/end")
    assert await customer.hangup(told["session"], **params) == OK
    await call.received("BYE", 2)
    assert customer.receiver.waiting() == []
    answer_the_bye(customer, call)
    last = await customer.receiver.next(session=told["session"])
    assert last.at_s > call.log.received("BYE")[1].at_s
    assert (last["call_state"], last["cause"], last["debit"]) == ("ended", "hangup", "0.020")


async def test_it_comes_exactly_once(customer: Customer, files: FileServer) -> None:
    """However often the application asks, and although the phone sends a BYE of its own."""
    call, told = await customer.call()
    session = told["session"]
    params = {"msg": f"<url>{files.serve('beep.wav', BEEP)}</url>"}
    params["notify_url"] = customer.receiver.url("/end")
    assert await customer.hangup(session, **params) == OK
    await call.answered()
    for _ in range(3):
        assert (await customer.hangup(session, **params))["status"].startswith("error_")
    await call.ended()
    assert (await call.request("BYE")).status in (200, 481)
    assert (await customer.receiver.next(session=session))["call_state"] == "ended"
    assert await notifications_after_the_end(customer.server, session) == 2
    assert customer.receiver.waiting() == []


async def test_without_notify_url_there_is_none(customer: Customer, files: FileServer) -> None:
    """And the call ends after the message all the same."""
    call, told = await customer.call()
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert call.recording.heard_s == pytest.approx(0.1)
    assert await notifications_after_the_end(customer.server, told["session"]) == 1
    assert customer.receiver.waiting() == []


async def test_without_notify_url_there_is_none_for_a_rejected_call(customer: Customer) -> None:
    call, told = await customer.call()
    assert await customer.hangup(told["session"]) == OK
    assert (await call.ended()).how is How.REJECTED
    assert await notifications_after_the_end(customer.server, told["session"]) == 1


async def test_without_notify_url_there_is_none_when_the_caller_is_first(
    customer: Customer, files: FileServer
) -> None:
    """The accepted Hangup said that nobody is to be told, whoever ends the call then."""
    call, told = await customer.call()
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>" * 20
    assert await customer.hangup(told["session"], msg=msg) == OK
    await call.answered()
    await call.hang_up()
    assert await notifications_after_the_end(customer.server, told["session"]) == 1
