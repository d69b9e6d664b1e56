"""A message that is longer than anybody would wait for in silence."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acceptance.asking import OK
from acceptance.files import BEEP, FileServer
from acceptance.harness import READY_S, Customer, Onhook
from acceptance.unbroken import payloads
from onhook.testing import g711
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

LONG = (
    "Thank you for calling the Riverside clinic. Our offices are closed at the moment. If this is "
    "an emergency, please hang up and dial nine one one. "
)


async def test_a_long_message_is_heard_whole_and_gapless(customer: Customer) -> None:
    """The first time while it is being spoken, the second time from the cache: the same is heard. A gap is
    silence that was sent; where the machine stood still, nothing was."""
    heard = []
    for _ in range(2):
        call, told = await customer.call(codecs=("PCMU",))
        msg = f'<speech gender="male">{LONG}</speech>Good bye.'
        assert await customer.hangup(told["session"], msg=msg) == OK
        assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
        assert call.recording.lost == 0
        sent = payloads(call.recording.packets)
        heard.append(from_first_to_last_sound(g711.decode("PCMU", sent)))
    live, cached = heard
    assert len(live) / 8000 > 7
    assert len(live) == len(cached)
    assert np.corrcoef(live, cached)[0, 1] > 0.98


def from_first_to_last_sound(pcm: g711.Pcm) -> npt.NDArray[np.float64]:
    """What lies between the silence before a message and the one after it, in whole packets: pauses too."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 300) // 160
    return pcm[loud[0] * 160 : (loud[-1] + 1) * 160].astype(np.float64)


def kept(server: Onhook) -> set[str]:
    """The prompts on disk."""
    return {path.name for path in (server.data / "prompts").glob("*.g711")}


async def test_a_message_that_was_made_ahead_while_the_server_runs(
    start: Callable[..., Onhook],
    receiver: Receiver,
    phone: Phone,
    files: FileServer,
    tmp_path: Path,
) -> None:
    server = start()  # nothing of another test is still being spoken here
    customer = await Customer.make(server, receiver, phone)
    url = files.serve("greeting.wav", BEEP, headers={"ETag": '"1"'})
    msg = f"<url>{url}</url>We are closed until noon."
    file = tmp_path / "messages.jsonl"
    file.write_text(json.dumps({"msg": msg}))
    before = kept(server)
    command = [sys.executable, "-m", "onhook", "prompt", "warm", str(file)]
    command += ["--data", str(server.data), "--allowed-networks", "127.0.0.0/8"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=READY_S)
    assert done.returncode == 0, done.stderr
    made = kept(server)
    assert len(made) == len(before) + 2
    call, told = await customer.call()
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert call.recording.heard_s > 1.1
    assert kept(server) == made
    assert files.requests == ["/greeting.wav"] * 2  # made, then asked whether it changed
