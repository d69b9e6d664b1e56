"""The process of the media plane is killed: calls with audio end as after a crash, and all else goes on."""

import asyncio
import os
import signal

from acceptance.asking import heard
from acceptance.harness import Customer, Onhook
from acceptance.test_deliveries import another, pid_of
from acceptance.test_record import fetched, length_s, recording
from onhook.testing.call_log import How
from onhook.testing.tones import tone


async def test_killed_it_ends_calls_with_audio_and_no_other(customer: Customer) -> None:
    server, receiver = customer.server, customer.receiver
    plane, switch = pid_of(server, "plane"), pid_of(server, "switch")
    assert plane is not None
    call, session = await recording(customer)
    await call.say(tone(700, 1500))
    ringing, told = await customer.call()
    os.kill(plane, signal.SIGKILL)

    ended = await call.ended()
    assert ended.how is How.BYE_RECEIVED
    last = await receiver.next(session=session, call_state="ended")
    assert (last["cause"], last["ended_by"]) == ("crash", "system")
    assert 0.5 < length_s(await fetched(last["record_url"])) < 10

    assert await another(server, "plane", plane) != plane
    assert pid_of(server, "switch") == switch
    await customer.block("end/hangup", told["session"], msg="Good bye.")
    await ringing.answered()
    await heard(ringing, 10)
    assert (await ringing.ended()).how is How.BYE_RECEIVED
    bye = await receiver.next(session=told["session"], call_state="ended")
    assert (bye["cause"], bye["ended_by"]) == ("hangup", "application")
    log = server.log
    assert '"event": "media_plane_lost"' in log
    assert '"event": "call_broken"' not in log
    assert '"event": "media_listener_failed"' not in log


async def test_a_call_answered_while_it_is_started_again_may_come_again_soon(
    customer: Customer,
) -> None:
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
        ended = await ringing.ended()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert (ended.how, ended.code) == (How.REJECTED, 503)
    await more_than(back, server, "back")
    again, told = await customer.call()
    await customer.block("end/hangup", told["session"], msg="Good bye.")
    await again.answered()
    await heard(again, 10)
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
