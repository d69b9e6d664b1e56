"""A message that is being made while a server is reloaded is made, and heard, to its end."""

import asyncio
import os
from pathlib import Path

from acceptance.asking import OK
from acceptance.harness import READY_S, Customer, Onhook
from acceptance.reload_command import reloaded
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from speech.engines.test_plugins import install

TEXT = "This is the first sentence of them all. " + " ".join(
    f"And number {number} comes behind it." for number in range(20)
)
CHAR_S = 0.01
SLOW = """
import os, time
from pathlib import Path
import numpy as np
from onhook.speech.voices import Sound

GO = Path(os.environ["SLOW_VOICE_GO"])

class Voice:
    name, version, language, gender, quality = "slow", "1", "sv-SE", "female", "neural"
    def synthesise(self, text):
        until_s = time.monotonic() + 3
        while "first" not in text and not GO.exists() and time.monotonic() < until_s:
            time.sleep(0.02)
        at = np.arange(80 * len(text)) / 8000
        return Sound((0.5 * np.sin(2 * np.pi * 440 * at)).astype(np.float32), 8000)

def voices():
    return [Voice()]
"""
"""A hundredth of a second for a character. All but the beginning takes its time, until it may go on."""


async def test_it_is_made_before_the_switch_hands_over(
    tmp_path: Path, receiver: Receiver, phone: Phone
) -> None:
    site, go_on = tmp_path / "site", tmp_path / "go"
    install(site, "slow_voice", SLOW, "slow = slow_voice:voices")
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH", ""))))
    server = await asyncio.to_thread(
        Onhook, environment={"PYTHONPATH": path, "SLOW_VOICE_GO": str(go_on)}
    )
    try:
        customer = await Customer.make(server, receiver, phone)
        call, told = await customer.call()
        reloading = asyncio.ensure_future(reloaded(server))
        await seen(server, "reloading")
        msg = f'<speech language="sv">{TEXT}</speech>'
        assert await customer.hangup(told["session"], msg=msg) == OK
        await seen(server, "messages_awaited")
        go_on.touch()
        await reloading
        assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
        assert call.recording.heard_s > 0.9 * CHAR_S * len(TEXT)
        assert call.complaints == []
        assert "message_incomplete" not in server.log
    finally:
        server.close()


async def seen(server: Onhook, event: str) -> None:
    """Returns once the log says so."""
    async with asyncio.timeout(READY_S):
        while f'"{event}"' not in server.log:
            await asyncio.sleep(0.05)
