"""What the other side said of the end of a call: its final response and its Reason, told and recorded."""

import asyncio
from collections.abc import Callable

import pytest

from acceptance.asking import answer_the_bye, rows
from acceptance.crashing import kill
from acceptance.files import BEEP, FileServer
from acceptance.harness import Callee, Customer, Onhook
from acceptance.test_calls_by_trunk import shown
from acceptance.test_dial import dialled
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

NORMAL = 'Q.850;cause=16;text="Terminated"'


async def test_the_reason_of_a_bye(customer: Customer, files: FileServer) -> None:
    call, told = await customer.call()
    session = told["session"]
    await customer.block("middle/play", session, msg=f"<url>{files.serve('beep.wav', BEEP)}</url>")
    await call.answered()
    await customer.receiver.next(session=session, ivr_block="play")
    await call.hang_up(headers=[("Reason", NORMAL)])
    last = await customer.receiver.next(session=session, call_state="ended")
    assert (last["sip_reason"], last["sip_cause"]) == (NORMAL, "Terminated")
    assert "sip_code" not in last.form
    assert (await shown(customer.server, session))["sip_reason"] == NORMAL


async def test_without_a_reason_none_is_told(customer: Customer) -> None:
    call, told = await customer.call()
    await call.cancel()
    last = await customer.receiver.next(session=told["session"], call_state="ended")
    assert "sip_reason" not in last.form
    assert (await shown(customer.server, told["session"]))["sip_reason"] == ""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Q.850;cause=17", "Q.850;cause=17"),
        ('SIP;cause=200;text="Call completed elsewhere"',) * 2,
        ('SIP;cause=600, Q.850;cause=17;text="a, \\"b\\""',) * 2,
        ("X.25;cause=1", None),
        ("Q.850;cause=999", None),
        ("garbage;;;=", None),
    ],
)
async def test_the_reason_of_a_refusal_is_told_with_its_status(
    customer: Customer, callee: Callee, said: str, told: str | None
) -> None:
    call, reply = await dialled(customer, callee)
    call.reject(486, headers=[("Reason", said)])
    last = await customer.receiver.next(session=reply["session"])
    assert (last["dial_status"], last["sip_code"]) == ("busy", "486")
    assert last.form.get("sip_reason") == told


async def test_a_long_reason_is_cut(customer: Customer, callee: Callee) -> None:
    call, reply = await dialled(customer, callee)
    call.reject(603, headers=[("Reason", f'Q.850;cause=21;text="{"x" * 900}"')])
    last = await customer.receiver.next(session=reply["session"])
    assert last["sip_code"] == "603"
    assert last["sip_reason"].startswith('Q.850;cause=21;text="xxx')
    assert len(last["sip_reason"]) <= 200


async def test_an_answered_call_of_ours_has_its_status(customer: Customer, callee: Callee) -> None:
    call, reply = await dialled(customer, callee)
    await call.answer()
    await customer.receiver.next(session=reply["session"])
    await call.hang_up(headers=[("Reason", NORMAL)])
    last = await customer.receiver.next(session=reply["session"], call_state="ended")
    assert (last["sip_code"], last["sip_reason"]) == ("200", NORMAL)


async def test_a_transfer_that_is_refused_tells_why(customer: Customer, callee: Callee) -> None:
    first, told = await customer.call()
    number = callee.another()
    await customer.block("end/transfer", told["session"], dest=number)
    peer = await callee.phone.incoming(called=number)
    peer.ring()
    peer.reject(603, headers=[("Reason", "Q.850;cause=21")])
    last = await customer.receiver.next(session=told["session"], call_state="ended")
    assert (last["transfer_status"], last["cause"]) == ("failed", "transfer_failed")
    assert (last["sip_code"], last["sip_reason"]) == ("603", "Q.850;cause=21")
    await first.ended()


async def test_a_transfer_whose_peer_hangs_up_tells_why(customer: Customer, callee: Callee) -> None:
    first, told = await customer.call()
    number = callee.another()
    await customer.block("end/transfer", told["session"], dest=number)
    peer = await callee.phone.incoming(called=number)
    await peer.answer()
    await first.answered()
    await peer.hang_up(headers=[("Reason", NORMAL)])
    last = await customer.receiver.next(session=told["session"], call_state="ended")
    assert (last["ended_by"], last["sip_reason"]) == ("callee", NORMAL)
    await first.ended()


async def test_the_bye_after_a_crash_says_what_the_application_had_to_say(
    start: Callable[..., Onhook],
    again: Callable[[Onhook], Onhook],
    receiver: Receiver,
    phone: Phone,
    files: FileServer,
) -> None:
    """And nothing of it is kept once that is over."""
    server = start()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call(answer_bye=False)
    session = told["session"]
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.hangup(session, msg=msg, **{"sip_header_X-Why": "enough"})
    await call.received("BYE")
    query = "SELECT state, facts FROM calls WHERE session = ?"
    async with asyncio.timeout(60):
        while rows(server, query, session)[0][0] != "closing":
            await asyncio.sleep(0.01)
    await kill(server)
    assert "enough" in rows(server, query, session)[0][1]
    customer.server = await asyncio.to_thread(again, server)
    byes = await call.received("BYE")
    while f":{customer.server.sip[1]};" not in byes[-1].message.need(
        "Via"
    ):  # the one before repeats its own
        byes = await call.received("BYE", len(byes) + 1)
    assert byes[-1].message.header("X-Why") == "enough"
    answer_the_bye(customer, call)
    async with asyncio.timeout(60):
        while "enough" in rows(server, query, session)[0][1]:
            await asyncio.sleep(0.01)
