"""The process that speaks dies, is not needed, is needed at once: calls go on, and are spoken to."""

import asyncio
import itertools
import os
import signal
from collections.abc import Callable

import pytest

from acceptance.asking import OK
from acceptance.files import FileServer, wav
from acceptance.harness import Customer, Onhook
from acceptance.remains import descendants, gone, of_process
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import tone

PATIENCE_S = 60.0
PROGRAM = "onhook.speech.synthesis.program"
LONG = (
    "Thank you for calling the Riverside clinic. Our offices are closed until ten in the morning. "
    * 8
)
_numbers = itertools.count(1)


def new_message() -> str:
    """One that no prompt has been made of before."""
    return f"This is message {next(_numbers)} of process {os.getpid()}."


def speaking(server: Onhook) -> set[int]:
    """The processes of the server that speak, or stand by to."""
    return {pid for pid in descendants(server.process.pid) if PROGRAM in of_process(pid, "cmdline")}


async def one_speaks(server: Onhook, *, instead_of: int = 0) -> int:
    """The process, once there is one, and another one than that."""
    async with asyncio.timeout(PATIENCE_S):
        while (
            len(found := speaking(server) - {instead_of}) != 1
        ):  # the last one may be on its way out
            await asyncio.sleep(0.02)
    (pid,) = found
    return pid


async def is_heard(customer: Customer, msg: str) -> None:
    """A call hears a message to its end."""
    call, told = await customer.call()
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended(timeout_s=PATIENCE_S)).how is How.BYE_RECEIVED
    assert call.recording.heard_s > 1
    assert call.recording.lost == 0


async def test_the_first_message_after_the_start(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start()
    customer = await Customer.make(server, receiver, phone)
    await is_heard(customer, new_message())
    await one_speaks(server)


@pytest.fixture
def started(shared: Callable[..., Onhook]) -> Onhook:
    return shared()


async def test_no_other_process_computes_sound(
    started: Onhook, receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """What does that takes 15 MB in each process that loads it, and long to load."""
    customer = await Customer.make(started, receiver, phone)
    url = files.serve(
        "beep.wav", wav(tone(1000, 500)[:-37])
    )  # it begins with a step, and ends in a frame
    await is_heard(customer, f"<url>{url}</url>{new_message()}")
    server, speaks = started.process.pid, await one_speaks(started)
    loaded = {pid for pid in [server, *descendants(server)] if "numpy" in of_process(pid, "maps")}
    assert speaks in loaded
    assert all(
        "speech" in of_process(pid, "cmdline") for pid in loaded
    )  # decoders are a part of it


async def test_killed_between_two_messages(
    started: Onhook, receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(started, receiver, phone)
    for _ in range(2):
        await is_heard(customer, new_message())
        os.kill(await one_speaks(started), signal.SIGKILL)
        await is_heard(customer, new_message())


async def test_killed_while_it_stands_by(started: Onhook, receiver: Receiver, phone: Phone) -> None:
    customer = await Customer.make(started, receiver, phone)
    killed = await one_speaks(started)
    os.kill(killed, signal.SIGKILL)
    await one_speaks(started, instead_of=killed)
    await is_heard(customer, new_message())


async def test_killed_while_it_speaks(started: Onhook, receiver: Receiver, phone: Phone) -> None:
    customer = await Customer.make(started, receiver, phone)
    other, told_other = await customer.call()
    await customer.block("middle/play", told_other["session"], msg=new_message())
    call, told = await customer.call()
    msg = f'<speech gender="male">{LONG}</speech>'
    assert await customer.hangup(told["session"], msg=msg) == OK
    os.kill(await one_speaks(started), signal.SIGKILL)
    assert (await call.ended(timeout_s=PATIENCE_S)).how is How.BYE_RECEIVED
    assert 0 < call.recording.heard_s < 40
    await receiver.next(session=told_other["session"], ivr_block="play", timeout_s=PATIENCE_S)
    assert await customer.hangup(told_other["session"], msg=new_message()) == OK
    assert (await other.ended(timeout_s=PATIENCE_S)).how is How.BYE_RECEIVED
    assert other.recording.heard_s > 1
    await is_heard(customer, new_message())


async def test_it_goes_when_nobody_needs_it(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(speech_idle_s="1")
    customer = await Customer.make(server, receiver, phone)
    spoke = await one_speaks(server)
    for _ in range(2):
        await is_heard(customer, new_message())
        standing_by = await one_speaks(server, instead_of=spoke)
        await gone(spoke)
        spoke = standing_by
