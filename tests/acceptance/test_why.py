"""Calls that drop, each by a fault from outside: one command says who ended it, why, and what to do."""

import asyncio
import json
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from acceptance.crashing import acknowledged, kill
from acceptance.files import BEEP, FileServer
from acceptance.harness import Callee, Customer, Onhook
from acceptance.test_dial import dialled
from acceptance.test_hostile import line_of
from acceptance.test_operator_commands import command
from acceptance.test_trouble import Gone
from acceptance.test_vanished import falls_silent, hung_up, talking
from console.harness import Browser, add_operator, sentence_in, why_and_story
from onhook.cli import accounts, ledger
from onhook.console.roles import Role
from onhook.server.settings import load
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver
from ports import free_port

IMPATIENT = {"ringing_s": "1", "idle_s": "1"}
"""Settings of servers that do not wait for applications."""
HASTY = {"ringing_s": "5", "idle_s": "5"}
"""Of those that wait for as long as a request takes on a busy machine, and then no longer."""
NOWHERE = "http://10.0.0.1/"
"""A URL that no server of these tests may call."""


async def explained(server: Onhook, session: str) -> dict[str, Any]:
    """What `calls why` says of a call once it is over, which its page on the console says too."""
    async with asyncio.timeout(60):
        while not json.loads(await command(server, "calls", "why", session, "--json"))["ended_by"]:
            await asyncio.sleep(0.05)
        async with Browser(server.url) as browser:
            await browser.sign_in(await add_operator(server, Role.LOOK))
            said, page = await why_and_story(server, browser, session)
    assert page.status == 200
    assert sentence_in(page.text) == said["sentence"]
    assert said["advice"] in unescape(page.text)
    return said


def assert_said(said: dict[str, Any], by: str, cause: str, *parts: str, advice: str = "") -> None:
    """It is one sentence with these parts."""
    assert (said["ended_by"], said["cause"]) == (by, cause)
    for part in parts:
        assert part in said["sentence"]
    assert advice in said["advice"]
    began = ("the call came in", "Onhook placed the call")
    assert any(one["text"].startswith(began) for one in said["evidence"])
    assert "+65" not in json.dumps(said)


async def beeped(customer: Customer, files: FileServer, session: str) -> None:
    """A Play was heard to its end, and the application told."""
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.block("middle/play", session, msg=msg)
    await customer.receiver.next(session=session, ivr_block="play")


async def test_the_caller_hung_up(customer: Customer, files: FileServer) -> None:
    call, told = await customer.call()
    await beeped(customer, files, told["session"])
    await call.hang_up(headers=[("Reason", 'Q.850;cause=16;text="Terminated"')])
    said = await explained(customer.server, told["session"])
    assert_said(
        said, "caller", "hangup", "The caller hung up (BYE", "Q.850;cause=16", "after the answer",
        "the caller last heard the message of a Play, which was over, and audio came from it",
        advice="Nothing is wrong",
    )  # fmt: skip
    text = await command(customer.server, "calls", "why", told["txn_ref"])
    assert said["sentence"] in text
    assert said["advice"] in text


async def test_the_caller_gave_up_while_it_rang(customer: Customer) -> None:
    call, told = await customer.call()
    await call.cancel()
    said = await explained(customer.server, told["session"])
    assert_said(said, "caller", "cancelled", "(CANCEL)", "neither side had heard anything")


async def test_the_application_hung_up(customer: Customer, files: FileServer) -> None:
    call, told = await customer.call()
    await beeped(customer, files, told["session"])
    await customer.hangup(told["session"], force="enabled")
    await call.ended()
    said = await explained(customer.server, told["session"])
    assert_said(said, "application", "forced_hangup", "hung up at once, by a Hangup with force")


async def test_the_trunk_answered_503(customer: Customer, callee: Callee) -> None:
    call, reply = await dialled(customer, callee)
    call.reject(503)
    said = await explained(customer.server, reply["session"])
    name = f"t{callee.line.port}"
    assert_said(
        said, "system", "failed", f"the trunk {name} answered 503", "neither side had heard",
        advice=f"onhook trunk test {name}",
    )  # fmt: skip


async def test_no_acknowledgement_came(customer: Customer, receiver: Receiver) -> None:
    """None that could be used: to wait for none at all takes 32 s, and ends in the same way."""
    async with line_of(customer) as line:
        line.send("INVITE", 1)
        told = await receiver.next(to=customer.number, call_state="ringing")
        await customer.hangup(told["session"], msg="Bye.", notify_url=receiver.url("/end"))
        await line.until("SIP/2.0 200")
        line.send("ACK", 1, "0.0.0.0")
        line.answer(await line.until("BYE "))
    said = await explained(customer.server, told["session"])
    assert_said(
        said, "system", "no_ack", "no acknowledgement (ACK) came", advice="--public-address"
    )


async def test_the_phone_vanished(customer: Customer, files: FileServer) -> None:
    call, session = await talking(customer, files)
    await falls_silent(call)
    await hung_up(customer, call, session, 481)
    said = await explained(customer.server, session)
    assert_said(
        said, "network", "media_lost", "The network ended the call, for the caller was not there",
        "last known to be there", "audio came from it", advice="network, battery",
    )  # fmt: skip


async def test_silence_from_the_first_moment_on(
    shared: Callable[..., Onhook], receiver: Receiver, files: FileServer
) -> None:
    """No audio ever comes from a phone, and it does not know the call when it is asked."""
    server = shared(silence_s="0.5")  # patient with the application: it may be late
    async with Phone(port=free_port()) as phone:  # it stays its own while the phone is gone
        customer = await Customer.make(server, receiver, phone)
        call, told = await customer.call(talk=False)
        await customer.block("middle/gather", told["session"], timeout="60")
        await call.answered()
        await acknowledged(server, told["session"])
        where = phone.address
        call.vanish()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Gone, local_addr=where)
    try:
        said = await explained(server, told["session"])
    finally:
        transport.close()
    assert_said(
        said, "network", "media_lost", "no audio had ever come from it", "OPTIONS",
        "the caller last heard the prompt of a Gather, and no audio at all came from it",
        advice="--rtp-ports",
    )  # fmt: skip


async def test_the_credit_was_used_up(server: Onhook, receiver: Receiver, phone: Phone) -> None:
    settings = load(data=server.data)
    await ledger.create_account(settings, "why-payer", currency="SGD", prefix="WH")
    made = await accounts.create_application(server.data, "test", "why-payer")
    number = "+6531999001"
    await accounts.add_number(server.data, number, made["app_id"], receiver.url("/answer"))
    await ledger.credit_account(server.data, "why-payer", "0.001")
    customer = Customer(server, receiver, phone, number, **made)
    call = await phone.call(number, server=server.sip)
    assert (await call.ended()).how is How.REJECTED
    last = await customer.receiver.next(to=number)
    assert_said(
        await explained(server, last["session"]), "system", "insufficient_credit",
        "The credit of the account why-payer was used up", advice="onhook account credit why-payer",
    )  # fmt: skip


async def test_the_limit_of_its_request(customer: Customer, callee: Callee) -> None:
    call, reply = await dialled(customer, callee, max_duration="1")
    await call.answer()
    await call.ended()
    said = await explained(customer.server, reply["session"])
    assert_said(said, "system", "max_duration", "as long as its request said (max_duration)")


@pytest.mark.slow
async def test_the_limit_of_every_call(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(start(session_s="1"), receiver, phone)
    call, told = await customer.call()
    await call.ended()
    said = await explained(customer.server, told["session"])
    assert_said(said, "system", "session_timeout", "as long as any may", advice="--session-s")


async def test_everything_of_the_server_died(
    start: Callable[..., Onhook], again: Callable[[Onhook], Onhook],
    receiver: Receiver, phone: Phone, files: FileServer,
) -> None:  # fmt: skip
    server = start()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    await beeped(customer, files, told["session"])
    await acknowledged(server, told["session"])
    await kill(server)
    server = await asyncio.to_thread(again, server)
    await call.ended()
    said = await explained(server, told["session"])
    assert_said(said, "system", "crash", "A process of Onhook died", advice="process_died")


async def impatient(shared: Callable[..., Onhook], receiver: Receiver, phone: Phone) -> Customer:
    """A customer of a server that does not wait for applications."""
    return await Customer.make(shared(**IMPATIENT), receiver, phone)


async def refused(customer: Customer, session: str, **params: str) -> str:
    """The status of a Play that is refused."""
    reply = await customer.post("ivr/middle/play", session=session, **params)
    assert reply["status"] not in ("success_ok", "error_session_ended")
    return reply["status"]


async def session_of(customer: Customer) -> str:
    """The session of the last call to a customer of whom nobody was told."""
    async with asyncio.timeout(60):
        while True:
            found = json.loads(
                await command(customer.server, "calls", "find", customer.number, "--json")
            )
            if found:
                return str(found[0]["session"])


async def test_the_notification_of_the_end_says_why_where_that_is_asked_for(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """The same sentence as the command, by a number or by its application; nothing new for others."""
    server = shared(**HASTY)
    customer = await Customer.make(server, receiver, phone)
    other = await accounts.create_application(server.data, "told why", detail="why")
    own = {
        "app_id": customer.app_id,
        "access_token": customer.access_token,
        "webhook_secret": customer.webhook_secret,
    }
    asked = {
        "+6531999011": (own, "why"),
        "+6531999012": (other, ""),
        "+6531999013": (other, "none"),
    }
    callers = [customer]
    for number, (app, detail) in asked.items():
        one = Customer(server, receiver, phone, number, **app)
        url = receiver.url("/answer")
        await accounts.add_number(server.data, number, one.app_id, url, detail=detail)
        callers.append(one)

    async def end(one: Customer) -> Notification:
        call, told = await one.call()
        assert await refused(one, told["session"], msg="<speech") == "error_msg_invalid_xml"
        await call.ended()
        return await receiver.next(session=told["session"], call_state="ended")

    ends = await asyncio.gather(*map(end, callers))
    told_why = [end.get("detail") for end in ends]
    sentences = [(await explained(server, end["session"]))["sentence"] for end in ends]
    assert told_why == [None, sentences[1], sentences[2], None]
    assert "having refused its ivr/middle/play" in sentences[1]
    for args in (("app", "update", other["app_id"]), ("number", "set", "+6531999012")):
        assert "nothing" in await command(server, *args, "--detail", "none")


async def test_the_webhook_was_down(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await impatient(shared, receiver, phone)
    await receiver.close()
    call = await phone.call(customer.number, server=customer.server.sip)
    assert (await call.ended()).code == 480
    said = await explained(customer.server, await session_of(customer))
    assert_said(
        said, "system", "ring_timeout", "The application did not act on the call",
        "it could not be told: ", "rejected it (480)", "neither side",
        advice="has to answer notifications with 200",
    )  # fmt: skip
    assert "The application does not know of the end" in said["advice"]


async def test_the_application_did_nothing(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await impatient(shared, receiver, phone)
    call, told = await customer.call()
    await call.ended()
    said = await explained(customer.server, told["session"])
    advice = "was told and asked for nothing"
    assert_said(said, "system", "ring_timeout", "did not act on the call", advice=advice)


async def test_the_url_of_a_number_was_refused(
    server: Onhook, receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(server, receiver, phone)
    customer.number = "+6531999002"
    await accounts.add_number(server.data, customer.number, customer.app_id, NOWHERE)
    call = await phone.call(customer.number, server=server.sip)
    assert (await call.ended()).code == 480
    said = await explained(server, await session_of(customer))
    assert_said(
        said, "system", "forward_to_refused", "The number's URL may not be called", "private",
        advice="--allowed-networks",
    )  # fmt: skip


async def test_the_notify_url_of_a_request_was_refused(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(shared(**HASTY), receiver, phone)
    call, told = await customer.call()
    status = await refused(customer, told["session"], msg="x", notify_url=NOWHERE)
    await call.ended()
    said = await explained(customer.server, told["session"])
    why = f"having refused its ivr/middle/play with {status}"
    assert_said(said, "system", "ring_timeout", why, advice="Mend the request")


async def test_a_request_of_the_application_was_refused(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """While it was the application's turn, after a first block that went well."""
    customer = await Customer.make(shared(**HASTY), receiver, phone)
    call, told = await customer.call()
    session = told["session"]
    await beeped(customer, files, session)
    url = receiver.url("/x")
    status = await refused(customer, session, msg="<speech", notify_url=url)
    assert status == "error_msg_invalid_xml"
    await call.ended()
    said = await explained(customer.server, session)
    assert_said(
        said, "system", "idle_timeout", "asked for nothing for too long",
        "having refused its ivr/middle/play with error_msg_invalid_xml",
        "the caller last heard the message of a Play, which was over",
        advice="Mend the request",
    )  # fmt: skip
