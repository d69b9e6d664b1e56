"""The process of the media plane is killed: the next one goes on with all calls."""

import asyncio
import os
import signal
import time

from acceptance.asking import heard
from acceptance.files import LONG, FileServer
from acceptance.harness import Callee, Customer, Onhook
from acceptance.talking import assert_joined, hears, meet
from acceptance.test_deliveries import another, pid_of
from acceptance.test_record import fetched, recording
from acceptance.test_srtp import secret as secret
from acceptance.test_transfer import in_room, transferred
from onhook.testing.call_log import How
from onhook.testing.tones import find_tone, tone


async def test_killed_it_ends_no_call(customer: Customer) -> None:
    """A message, a recording and a call that rings: all go on with the next one. What is said while there is
    none is not recorded."""
    server, receiver = customer.server, customer.receiver
    plane, switch = pid_of(server, "plane"), pid_of(server, "switch")
    assert plane is not None
    back, broken = times(server, "back"), times(server, "broken")
    call, session = await recording(customer)
    await call.say(tone(700, 1500))
    ringing, told = await customer.call()
    os.kill(plane, signal.SIGKILL)
    assert await another(server, "plane", plane) != plane
    await more_than(back, server, "back")

    await call.say(tone(1900, 1000))
    await call.send_digits("#")
    told_of = await receiver.next(session=session, ivr_block="record")
    assert told_of["call_state"] == "ongoing"
    pcm = await fetched(told_of["record_url"])
    before, after = find_tone(pcm, 700), find_tone(pcm, 1900)
    assert before is not None and after is not None
    assert before[1] <= after[0]
    await customer.block("end/hangup", session, msg="Good bye.")
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await receiver.next(session=session, call_state="ended")
    assert (last["cause"], last["ended_by"]) == ("hangup", "application")

    assert pid_of(server, "switch") == switch
    await customer.block("end/hangup", told["session"], msg="Good bye.")
    await ringing.answered()
    await heard(ringing, 10)
    assert (await ringing.ended()).how is How.BYE_RECEIVED
    bye = await receiver.next(session=told["session"], call_state="ended")
    assert (bye["cause"], bye["ended_by"]) == ("hangup", "application")
    assert times(server, "broken") == broken
    assert '"event": "media_listener_failed"' not in server.log


async def test_killed_it_says_the_rest_of_a_message(customer: Customer, files: FileServer) -> None:
    """Nobody else is told, no key is lost, and the phone hears another source at the same port."""
    server = customer.server
    plane = pid_of(server, "plane")
    assert plane is not None
    call, told = await customer.call()
    message = f"<url>{files.serve('long.wav', LONG)}</url>"
    await customer.block("middle/gather", told["session"], msg=message, max_digits="2")
    await call.answered()
    await hears(call, 600)
    os.kill(plane, signal.SIGKILL)
    await another(server, "plane", plane)
    now_s = time.monotonic()
    await hears(call, 600, now_s)
    assert len({packet.ssrc for packet in call.recording.packets}) == 2
    await call.send_digits("42")
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "42"
    await customer.hangup(told["session"], msg="Good bye.")
    assert (await call.ended()).how is How.BYE_RECEIVED


async def killed_plane(server: Onhook) -> None:
    """Returns once the next one has all streams."""
    plane, back = pid_of(server, "plane"), times(server, "back")
    assert plane is not None
    os.kill(plane, signal.SIGKILL)
    await more_than(back, server, "back")


async def test_killed_it_lets_two_hear_each_other_again(customer: Customer, callee: Callee) -> None:
    call, peer, session = await transferred(customer, callee)
    await peer.answer()
    await assert_joined(call, peer)
    await killed_plane(customer.server)
    await assert_joined(call, peer)
    await call.hang_up()
    assert (await peer.ended()).how is How.BYE_RECEIVED
    told = await customer.receiver.next(session=session)
    assert (told["transfer_status"], told["ended_by"]) == ("answered", "caller")


async def test_killed_it_leaves_nobody_out_of_a_room(customer: Customer) -> None:
    first, _, room = await in_room(customer, "room:")
    second, _, _ = await in_room(customer, f"room:{room}")
    await meet([first, second])
    await killed_plane(customer.server)
    third, _, _ = await in_room(customer, f"room:{room}")
    await meet([first, third])
    await assert_joined(second, first)
    for each in (first, second, third):
        await each.hang_up()


async def test_killed_it_keeps_a_call_encrypted(secret: Customer, files: FileServer) -> None:
    call, told = await secret.call()
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    await secret.block("middle/gather", told["session"], msg=msg, max_digits="2")
    await call.answered()
    await hears(call, 600)
    await killed_plane(secret.server)
    await hears(call, 600, time.monotonic())
    await call.send_digits("42")
    assert (await secret.receiver.next(ivr_block="gather"))["digits"] == "42"
    await call.hang_up()


async def test_a_call_that_is_answered_meanwhile_waits_for_its_audio(customer: Customer) -> None:
    server = customer.server
    plane = pid_of(server, "plane")
    assert plane is not None
    lost, back, broken = (times(server, each) for each in ("lost", "back", "broken"))
    ringing, told = await customer.call()
    os.kill(server.process.pid, signal.SIGSTOP)  # it would start the next one at once
    try:
        os.kill(plane, signal.SIGKILL)
        await more_than(lost, server, "lost")
        await customer.hangup(told["session"], msg="Good bye.")
        await ringing.answered()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    await more_than(back, server, "back")
    await heard(ringing, 10)
    assert (await ringing.ended()).how is How.BYE_RECEIVED
    assert times(server, "broken") == broken


EVENTS = {"lost": "media_plane_lost", "back": "media_plane_back", "broken": "call_broken"}


def times(server: Onhook, what: str) -> int:
    """How often something was logged; other tests have the same server."""
    return server.log.count(f'"event": "{EVENTS[what]}"')


async def more_than(before: int, server: Onhook, what: str) -> None:
    """Until it was logged once more."""
    async with asyncio.timeout(60):
        while times(server, what) <= before:
            await asyncio.sleep(0.01)
