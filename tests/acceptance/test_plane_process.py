"""The process of the media plane is killed: calls with audio end as after a crash, and all else goes on."""

import os
import signal

from acceptance.asking import heard
from acceptance.harness import Customer
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
