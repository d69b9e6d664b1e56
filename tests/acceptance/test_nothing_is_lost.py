"""What a block has gathered is told, whatever ends the call in its middle."""

import asyncio
import json
import signal
from collections.abc import Callable

import pytest

from acceptance.asking import OK, heard, rows
from acceptance.files import LONG, FileServer
from acceptance.harness import Callee, Customer, Onhook
from acceptance.talking import assert_joined, records, spools, taken_down
from acceptance.test_operator_commands import command
from acceptance.test_record import RECORD, fetched, length_s, recording
from acceptance.test_transfer import transferred
from briefly import slow_but
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Receiver, Reply
from onhook.testing.tones import tone


async def forced(customer: Customer, session: str, **params: str) -> None:
    """The call is hung up by force."""
    assert await customer.hangup(session, force="enabled", **params) == OK


async def typing(customer: Customer, keys: str = "77") -> tuple[PhoneCall, str]:
    """A call in the middle of a Gather, these keys typed; and its session."""
    call, told = await customer.call()
    await customer.block("middle/gather", told["session"], max_digits="9", timeout="60", tag="pin")
    await call.answered()
    await call.send_digits(keys)
    await taken_down(customer.server, told["session"], keys)
    return call, told["session"]


async def status_with(customer: Customer, txn_ref: str, field: str) -> dict[str, str]:
    """The status of a call, once this is in it. Who asks more often than once a second is told so instead."""
    async with asyncio.timeout(60):
        while field not in (status := await customer.post("voice/query_status", txn_ref=txn_ref)):
            await asyncio.sleep(0.1)
    return status


async def test_the_link_of_a_recording_goes_where_the_forced_hangup_says(
    customer: Customer,
) -> None:
    call, session = await recording(customer)
    await call.say(tone(700, 500))
    await forced(customer, session, tag="now", notify_url=customer.receiver.url("/over"))
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await customer.receiver.next(session=session)
    assert (last["ivr_block"], last["tag"], last.path) == ("hangup", "now", "/over")
    assert length_s(await fetched(last["record_url"])) > 0.4


async def test_a_recording_of_which_nobody_was_told_is_named_to_whoever_asks(
    customer: Customer,
) -> None:
    before = spools(customer.server)
    call, told = await customer.call()
    await customer.block(RECORD, told["session"])
    await call.answered()
    await records(customer.server, before)
    await call.say(tone(700, 500))
    await forced(customer, told["session"])
    await call.ended()
    status = await status_with(customer, told["txn_ref"], "record_url")
    assert length_s(await fetched(status["record_url"])) > 0.4
    shown = json.loads(await command(customer.server, "calls", "show", told["session"], "--json"))
    assert shown["record_url"] == status["record_url"]
    text = await command(customer.server, "calls", "show", told["session"])
    assert status["record_url"] in "".join(text.split())
    assert customer.receiver.waiting() == []


async def test_a_recording_whose_notification_is_not_wanted_is_named_to_whoever_asks(
    customer: Customer,
) -> None:
    call, session = await recording(customer)
    customer.receiver.reply_with(Reply(status=410))
    await call.hang_up()
    told = await customer.receiver.next(session=session, ivr_block="record")
    status = await status_with(customer, told["txn_ref"], "record_url")
    assert status["record_url"] == told["record_url"]


async def test_digits_go_where_the_forced_hangup_says(customer: Customer) -> None:
    call, session = await typing(customer)
    await forced(customer, session, notify_url=customer.receiver.url("/over"))
    await call.ended()
    last = await customer.receiver.next(session=session)
    assert (last["ivr_block"], last["digits"]) == ("hangup", "77")


async def test_a_hangup_by_reference_tells_the_digits_to_the_gather(customer: Customer) -> None:
    call, session = await typing(customer)
    [(txn_ref,)] = rows(customer.server, "SELECT txn_ref FROM calls WHERE session = ?", session)
    assert await customer.post("voice/hangup", txn_ref=txn_ref) == OK
    await call.ended()
    last = await customer.receiver.next(session=session)
    assert (last["ivr_block"], last["tag"], last["digits"]) == ("gather", "pin", "77")


async def test_what_became_of_a_transfer_goes_where_the_forced_hangup_says(
    customer: Customer, callee: Callee
) -> None:
    call, peer, session = await transferred(customer, callee)
    await peer.answer()
    await assert_joined(call, peer)
    await forced(customer, session, notify_url=customer.receiver.url("/over"))
    await asyncio.gather(call.ended(), peer.ended())
    last = await customer.receiver.next(session=session)
    assert (last["ivr_block"], last["transfer_status"]) == ("hangup", "answered")


async def test_the_link_of_a_monitor_goes_where_the_forced_hangup_says_and_to_its_own_url(
    customer: Customer, files: FileServer
) -> None:
    call, told = await customer.call()
    session = told["session"]
    link, own = f"<url>{files.serve('long.wav', LONG)}</url>", customer.receiver.url("/recordings")
    await customer.block("middle/monitor", session, msg=link, monitor_notify_url=own)
    await call.answered()
    await heard(call, 20)
    await forced(customer, session, notify_url=customer.receiver.url("/over"))
    await call.ended()
    last = await customer.receiver.next(session=session, ivr_block="hangup")
    linked = await customer.receiver.next(session=session, ivr_block="monitor")
    assert linked.path == "/recordings"
    assert last["monitor_url"] == linked["monitor_url"]
    assert length_s(await fetched(last["monitor_url"])) > 0.1


async def test_a_dial_that_is_taken_back_was_not_answered(
    customer: Customer, callee: Callee
) -> None:
    number = callee.another()
    dialled = await customer.post(
        "ivr/start/dial", dest=number, notify_url=customer.receiver.url("/dial")
    )
    assert dialled["status"] == "success_ok", dialled
    peer = await callee.phone.incoming(called=number)
    peer.ring()
    await forced(customer, dialled["session"], notify_url=customer.receiver.url("/over"))
    await peer.ended()
    last = await customer.receiver.next(session=dialled["session"])
    assert (last["ivr_block"], last["dial_status"]) == ("hangup", "unanswered")


@pytest.mark.parametrize("how", slow_but(["kill"], ["SIGTERM", "kill", "a limit"]))
async def test_what_the_server_ends_is_told_with_what_it_came_to(
    start: Callable[..., Onhook],
    again: Callable[[Onhook], Onhook],
    receiver: Receiver,
    phone: Phone,
    how: str,
) -> None:
    """Three calls at once: one records, one gathers, one is monitored."""
    server = start(
        retry_schedule="0.2", drain_s="0", **({"session_s": "8"} if how == "a limit" else {})
    )
    customer = await Customer.make(server, receiver, phone)
    recorded, first = await recording(customer)
    await recorded.say(tone(700, 1500))
    gathering, second = await typing(customer)
    monitored, told = await customer.call()
    await customer.block("middle/monitor", told["session"])
    await receiver.next(session=told["session"], ivr_block="monitor")
    if how == "SIGTERM":
        server.process.send_signal(signal.SIGTERM)
        assert await server.stopped() == 0
        server = again(server)
    elif how == "kill":
        server.process.kill()
        server.process.wait()
        server = again(server)
    last = [
        await receiver.next(60, session=session, call_state="ended")
        for session in (first, second, told["session"])
    ]
    cause = {"SIGTERM": "shutdown", "kill": "crash", "a limit": "session_timeout"}[how]
    assert [one["cause"] for one in last] == [cause] * 3
    link, digits, whole = last[0]["record_url"], last[1]["digits"], last[2]["monitor_url"]
    assert digits == ("" if how == "kill" else "77")
    where = server.url.rpartition("/")[2]
    for url in (link, whole):
        path = url.partition("/recordings/")[2]
        assert len(await fetched(f"http://{where}/recordings/{path}")) > 0
    for call in (recorded, gathering, monitored):
        assert (await call.ended()).how is How.BYE_RECEIVED
