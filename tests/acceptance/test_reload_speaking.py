"""A message that is being made while a server is reloaded is made, and heard, to its end.

One that takes too long, or whose switch is killed, ends with what there is of it.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acceptance.asking import OK, heard
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer, Onhook
from acceptance.reload_command import reloaded, seen
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Receiver
from speech.engines.test_plugins import install

TEXT = "This is the first sentence of them all. " + " ".join(
    f"And number {number} comes behind it." for number in range(20)
)
MSG = f'<speech language="sv">{TEXT}</speech>'
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
        until_s = time.monotonic() + 120
        while "first" not in text and not GO.exists() and time.monotonic() < until_s:
            time.sleep(0.02)
        at = np.arange(80 * len(text)) / 8000
        return Sound((0.5 * np.sin(2 * np.pi * 440 * at)).astype(np.float32), 8000)

def voices():
    return [Voice()]
"""
"""A hundredth of a second for a character. All but the beginning takes its time, until it may go on."""


@asynccontextmanager
async def speaking_slowly(
    folder: Path, receiver: Receiver, phone: Phone, go_on: Path
) -> AsyncIterator[Customer]:
    """A server whose voice says the first sentence at once, and each other one when it may, or late."""
    site = folder / "site"
    install(site, "slow_voice", SLOW, "slow = slow_voice:voices")
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH", ""))))
    server = await asyncio.to_thread(
        Onhook,
        {"prepare_s": "60"},
        environment={"PYTHONPATH": path, "SLOW_VOICE_GO": str(go_on)},
    )
    try:
        yield await Customer.make(server, receiver, phone)
    finally:
        server.close()


async def hung_up_amid_a_reload(
    customer: Customer, files: FileServer
) -> tuple[PhoneCall, str, asyncio.Future[None]]:
    """A call whose last message begins in the middle of a reload, its session, and the reload.

    In the middle: a busy machine loads the next program for longer than a voice is waited for. The switch
    does not hand over before a request is answered whose file is slow, so the message begins in time.
    """
    _, told_waiting = await customer.call()
    call, told = await customer.call()
    may_be_there, file = files.hold("slow.wav"), files.serve("slow.wav", BEEP)
    waiting = {"session": told_waiting["session"], "notify_url": customer.receiver.url("/played")}
    slow = asyncio.ensure_future(
        customer.post("ivr/middle/play", msg=f"<url>{file}</url>", **waiting)
    )
    await files.asked_for("slow.wav")
    reloading = asyncio.ensure_future(reloaded(customer.server))
    await seen(customer.server, "requests_awaited")
    end = customer.receiver.url("/end")
    assert await customer.hangup(told["session"], msg=MSG, notify_url=end) == OK
    may_be_there.set()
    assert await slow == OK
    await seen(customer.server, "messages_awaited")
    return call, told["session"], reloading


async def test_it_is_made_before_the_switch_hands_over(
    tmp_path: Path, receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    go_on = tmp_path / "go"
    async with speaking_slowly(tmp_path, receiver, phone, go_on) as customer:
        server = customer.server
        call, _, reloading = await hung_up_amid_a_reload(customer, files)
        go_on.touch()
        await reloading
        assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
        assert call.recording.heard_s > 0.9 * CHAR_S * len(TEXT)
        assert call.complaints == []
        assert "message_incomplete" not in server.log


@pytest.mark.slow
async def test_what_is_not_made_for_half_a_minute_is_left_out(
    tmp_path: Path, receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """The call hears what there is, and is hung up; everybody else has the next switch."""
    async with speaking_slowly(tmp_path, receiver, phone, tmp_path / "never") as customer:
        call, session, reloading = await hung_up_amid_a_reload(customer, files)
        await call.answered()
        await reloading
        await seen(customer.server, "handed_over")
        await broken_off(customer, call, session)


@pytest.mark.parametrize(
    "block", ["end/hangup", pytest.param("middle/play", marks=pytest.mark.slow)]
)
async def test_what_is_not_made_when_the_switch_is_killed_is_left_out(
    tmp_path: Path, receiver: Receiver, phone: Phone, block: str
) -> None:
    async with speaking_slowly(tmp_path, receiver, phone, tmp_path / "never") as customer:
        call, told = await customer.call()
        await customer.block(block, told["session"], msg=MSG)
        await heard(call, 10)
        await customer.server.kill_role("switch")
        await broken_off(customer, call, told["session"])


async def broken_off(customer: Customer, call: PhoneCall, session: str) -> None:
    """The call is over before all of the message was heard, and that is what is told, once."""
    assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
    last = await customer.receiver.next(session=session, call_state="ended")
    assert (last["ended_by"], last["cause"]) == ("system", "message_incomplete")
    assert 0 < call.recording.heard_s < 0.9 * CHAR_S * len(TEXT)
    assert call.complaints == []
