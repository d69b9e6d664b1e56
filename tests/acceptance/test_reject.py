"""Hangup of a call that rings: with the response that the application wants, and what is told of it."""

import re

import pytest

from acceptance.asking import OK, assert_each_refused, assert_refused, rows
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer
from onhook.testing.call_log import How


@pytest.mark.parametrize("force", ["", "enabled"])
@pytest.mark.parametrize(
    ("reject", "code", "cause"),
    [
        ("busy", 486, 17),
        ("declined", 603, 21),
        ("unavailable", 480, 18),
        ("404", 404, 1),
        ("600", 600, 17),
        ("", 603, 21),
    ],
)
async def test_a_ringing_call_is_rejected_as_one_likes(
    customer: Customer, reject: str, code: int, cause: int, force: str
) -> None:
    """The caller's exchange gets status and cause, the application the status."""
    call, told = await customer.call()
    url = customer.receiver.url("/over")
    session = told["session"]
    assert await customer.hangup(session, reject=reject, notify_url=url, force=force) == OK
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, code)
    final = call.log.received(code)[0].message
    assert re.match(rf"Q\.850;cause={cause}\b", final.need("Reason"))
    last = await customer.receiver.next(session=session, ivr_block="hangup")
    assert (last["cause"], last["sip_code"]) == ("rejected", str(code))
    assert rows(customer.server, "SELECT sip_code FROM calls WHERE session = ?", session) == [
        (code,)
    ]


NO_REJECTIONS = (
    "Busy",
    "ringing",
    "486 ",
    "0486",
    "399",
    "700",
    "401",
    "407",
    "408",
    "481",
    "482",
    "487",
    "491",
)


async def test_what_no_call_can_be_rejected_with(customer: Customer) -> None:
    said = await assert_each_refused(customer, "error_invalid_reject", "reject", NO_REJECTIONS)
    assert all("401, 407, 408" in one for one in said.values())


async def test_a_message_and_a_rejection_exclude_one_another(customer: Customer) -> None:
    """Faults of what stands before it are told first, of what stands behind it later."""
    await assert_refused(customer, "error_invalid_reject", reject="busy", msg="Sorry.")
    wrong = {"reject": "no", "notify_url": "no", "sip_header_From": "no"}
    await assert_refused(customer, "error_invalid_notify_url", **wrong)
    await assert_refused(customer, "error_invalid_reject", **{**wrong, "notify_url": ""})


async def test_after_the_answer_it_is_ignored(customer: Customer, files: FileServer) -> None:
    call, told = await customer.call()
    session = told["session"]
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.block("middle/play", session, msg=msg)
    await call.answered()
    await customer.receiver.next(session=session, ivr_block="play")
    url = customer.receiver.url("/over")
    assert await customer.hangup(session, reject="busy", notify_url=url) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await customer.receiver.next(session=session, ivr_block="hangup")
    assert last["cause"] == "hangup"
    assert "sip_code" not in last.form
