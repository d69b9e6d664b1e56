"""``force=enabled``: the call is hung up at once, at any moment of the session."""

import asyncio

import pytest

from acceptance.asking import OK, notifications_after_the_end, playing
from acceptance.files import BEEP, LONG, FileServer
from acceptance.harness import Customer
from onhook.testing.call_log import How
from onhook.testing.phone_call import PhoneCall

FRAME_S = 0.02


async def heard_something(call: PhoneCall, frames: int = 5) -> None:
    async with asyncio.timeout(60):
        while len(call.recording.audio) < frames:
            await asyncio.sleep(FRAME_S)


async def assert_cut(call: PhoneCall) -> None:
    """BYE came, and no frame came after the one that was due in the same moment."""
    assert (await call.ended()).how is How.BYE_RECEIVED
    await asyncio.sleep(5 * FRAME_S)  # in which frames would arrive, were they still sent
    bye_s = call.time_of("bye_received")
    assert call.recording.since(bye_s + FRAME_S).audio == []
    assert call.recording.lost == 0
    assert call.complaints == []


async def test_while_it_rings(customer: Customer) -> None:
    call, told = await customer.call()
    notify_url = customer.receiver.url("/end")
    assert await customer.hangup(told["session"], force="enabled", notify_url=notify_url) == OK
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 603)
    assert call.log.received(200) == []
    last = await customer.receiver.next(session=told["session"])
    assert (last["ivr_block"], last["cause"], last["duration"]) == ("hangup", "rejected", "0")


async def test_before_the_ack(customer: Customer, files: FileServer) -> None:
    """Accepted at once; the BYE may not leave before the ACK (RFC 3261, 15), and nothing is heard."""
    call, told = await customer.call(ack=False)
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    assert await customer.hangup(told["session"], msg=msg) == OK
    await call.answered()
    assert await customer.hangup(told["session"], force="enabled") == OK
    assert call.log.received("BYE") == []
    call.acknowledge()
    await assert_cut(call)
    assert call.time_of("ack_sent") <= call.time_of("bye_received")
    assert call.recording.audio == []


async def test_before_the_ack_a_second_one_is_too_many(
    customer: Customer, files: FileServer
) -> None:
    call, told = await customer.call(ack=False)
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    notify_url = customer.receiver.url("/end")
    await customer.hangup(told["session"], msg=msg, notify_url=notify_url, tag="first")
    await call.answered()
    assert await customer.hangup(told["session"], force="enabled", tag="second") == OK
    reply = await customer.hangup(told["session"], force="enabled")
    assert reply["status"] == "error_hangup_already_in_progress"
    call.acknowledge()
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await customer.receiver.next(session=told["session"])
    assert (last["tag"], last["cause"]) == ("first", "forced_hangup")


async def test_while_a_play_plays(customer: Customer, files: FileServer) -> None:
    """The Play that is cut short sends no notification of its own."""
    call, told = await playing(customer, files)
    await heard_something(call)
    params = {"force": "enabled", "notify_url": customer.receiver.url("/end"), "tag": "now"}
    assert await customer.hangup(told["session"], **params) == OK
    await assert_cut(call)
    last = await customer.receiver.next(session=told["session"])
    assert (last.path, last["ivr_block"], last["call_state"]) == ("/end", "hangup", "ended")
    assert (last["tag"], last["cause"], last["debit"]) == ("now", "forced_hangup", "0.020")
    assert await notifications_after_the_end(customer.server, told["session"]) == 2
    assert customer.receiver.waiting() == []


async def test_while_a_play_plays_without_a_notify_url(
    customer: Customer, files: FileServer
) -> None:
    """Then nobody is told of the end: the Hangup that was accepted did not ask for it."""
    call, told = await playing(customer, files)
    assert await customer.hangup(told["session"], force="enabled") == OK
    await assert_cut(call)
    assert await notifications_after_the_end(customer.server, told["session"]) == 1


@pytest.mark.parametrize("own_url", [True, False])
async def test_while_the_message_of_an_earlier_hangup_plays(
    customer: Customer, files: FileServer, own_url: bool
) -> None:
    """It cuts the message short and succeeds once; the notification goes to its notify_url, else to
    that of the earlier one, with that one's tag."""
    call, told = await customer.call()
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    first = {"msg": msg, "notify_url": customer.receiver.url("/first"), "tag": "first"}
    assert await customer.hangup(told["session"], **first) == OK
    await heard_something(call)
    second = {"notify_url": customer.receiver.url("/second"), "tag": "second"} if own_url else {}
    assert await customer.hangup(told["session"], force="enabled", **second) == OK
    again = await customer.hangup(told["session"], force="enabled")
    assert again["status"] in ("error_hangup_already_in_progress", "error_session_ended")
    await assert_cut(call)
    last = await customer.receiver.next(session=told["session"])
    expected = ("/second", "second") if own_url else ("/first", "first")
    assert (last.path, last["tag"]) == expected
    assert (last["ivr_block"], last["cause"]) == ("hangup", "forced_hangup")
    assert await notifications_after_the_end(customer.server, told["session"]) == 2


async def test_between_two_blocks(customer: Customer, files: FileServer) -> None:
    call, told = await customer.call()
    session = told["session"]
    params = {"msg": f"<url>{files.serve('beep.wav', BEEP)}</url>"}
    params["notify_url"] = customer.receiver.url("/played")
    assert await customer.post("ivr/middle/play", session=session, **params) == OK
    assert (await customer.receiver.next(session=session))["ivr_block"] == "play"
    assert await customer.hangup(session, force="enabled") == OK
    await assert_cut(call)
    # What was heard before is whole: nothing is cut that was already over.
    assert call.recording.heard_s == pytest.approx(0.1)


async def test_a_forced_hangup_that_is_refused_cuts_nothing(
    customer: Customer, files: FileServer
) -> None:
    call, told = await playing(customer, files)
    for params in (
        {"notify_url": "http://no-such-host.invalid/"},
        {"notify_url": customer.receiver.url("/end").replace("http:", "https:")},
        {"msg": "Hi."},
        {"tag": "x" * 257},
    ):
        reply = await customer.hangup(told["session"], force="enabled", **params)
        assert reply["status"].startswith("error_")
    heard = len(call.recording.audio)
    await heard_something(call, heard + 5)
    assert call.is_up()
    assert await customer.hangup(told["session"], force="enabled") == OK
    await assert_cut(call)
