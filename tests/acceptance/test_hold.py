"""Hold and Unhold: music or a message again and again, and who may do what meanwhile."""

import numpy as np

from acceptance.asking import (
    OK,
    heard,
    notifications_after_the_end,
    sentence,
    span_s,
    undisturbed,
)
from acceptance.files import BEEP, FileServer, wav
from acceptance.harness import Customer
from acceptance.talking import arrived
from onhook.testing.call_log import How
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import tone


async def held(customer: Customer, **params: str) -> tuple[PhoneCall, str]:
    """A call on hold, and its session."""
    call, told = await customer.call()
    reply = await customer.post("ivr/middle/hold", session=told["session"], **params)
    assert reply == OK
    await call.answered()
    return call, told["session"]


async def test_music_is_heard_until_the_call_is_taken_off_hold(customer: Customer) -> None:
    call, session = await held(customer)
    await heard(call, 100)
    assert np.abs(call.recording.pcm().astype(int)).max() > 500
    assert call.recording.lost == 0
    url = customer.receiver.url("/unheld")
    reply = await customer.post("ivr/middle/unhold", session=session, notify_url=url, tag="back")
    assert reply == OK
    told = await customer.receiver.next()
    assert (told["ivr_block"], told["call_state"], told["tag"]) == ("unhold", "ongoing", "back")
    await arrived(call, 10, told.at_s)
    assert len(call.recording.since(told.at_s).audio) <= 2, "it plays on"


async def test_a_message_is_repeated_without_a_gap(customer: Customer, files: FileServer) -> None:
    url = files.serve("tone.wav", wav(tone(1000, 400)))

    async def repeated() -> PhoneCall:
        call, _ = await held(customer, msg=f"<url>{url}</url>")
        await heard(call, 100)
        await call.hang_up()
        return call

    recording = (await undisturbed(customer.server, repeated)).recording
    start, end = span_s(recording.pcm(), 1000)
    assert end - start > 1.8, "longer than the message, so again and again"
    assert recording.lost == 0


async def test_only_unhold_and_force_are_accepted_meanwhile(customer: Customer) -> None:
    call, session = await held(customer)
    url = customer.receiver.url()
    for path in (
        "middle/play", "middle/gather", "middle/record", "middle/monitor", "middle/hold",
        "end/transfer", "end/hangup",
    ):  # fmt: skip
        params = {"msg": "Hi.", "dest": "room:", "notify_url": url}
        reply = await customer.post(f"ivr/{path}", session=session, **params)
        assert reply["status"] == "error_session_not_ready", path
    assert await customer.hangup(session, force="enabled", notify_url=url) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert (await customer.receiver.next())["ivr_block"] == "hangup"


async def test_the_last_block_is_told_when_the_caller_leaves(
    customer: Customer, files: FileServer
) -> None:
    """A Hold has no notify_url: the one of the block before is told, exactly once."""
    call, told = await customer.call()
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.block("middle/play", told["session"], msg=msg, tag="before")
    await customer.receiver.next(ivr_block="play", call_state="ongoing")
    assert await customer.post("ivr/middle/hold", session=told["session"]) == OK
    await heard(call, 20)
    await call.hang_up()
    over = await customer.receiver.next()
    assert (over["ivr_block"], over["call_state"], over["tag"]) == ("play", "ended", "before")
    assert await notifications_after_the_end(customer.server, told["session"]) == 3


async def test_unhold_without_a_notify_url_hangs_up(customer: Customer) -> None:
    call, session = await held(customer)
    assert await customer.post("ivr/middle/unhold", session=session) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert await notifications_after_the_end(customer.server, session) == 1


async def test_what_is_not_on_hold_cannot_be_taken_off(
    customer: Customer, files: FileServer
) -> None:
    """At no time is it told to come later: not while it rings, nor while a block is under way."""
    call, told = await customer.call()
    ringing = await customer.post("ivr/middle/unhold", session=told["session"])
    assert ringing["status"] == "error_session_not_on_hold"
    sentence(ringing)
    await customer.block("middle/gather", told["session"], timeout="1")
    running = await customer.post("ivr/middle/unhold", session=told["session"])
    assert running["status"] == "error_session_not_on_hold"
    await customer.receiver.next(timeout_s=60, ivr_block="gather")
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.block("middle/play", told["session"], msg=msg)
    await customer.receiver.next(ivr_block="play")
    waiting = await customer.post("ivr/middle/unhold", session=told["session"])
    assert waiting["status"] == "error_session_not_on_hold"
    assert not call.is_over()
