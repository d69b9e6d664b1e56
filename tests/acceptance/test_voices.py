"""Messages in other voices than the default one, heard by a caller."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from acceptance.asking import OK, assert_refused
from acceptance.harness import Customer, Onhook
from onhook.testing.call_log import How


@pytest.mark.parametrize(
    ("language", "gender", "text"),
    [
        ("zh-HK", "female", "多謝你嘅來電，再見。"),
        ("ja", "female", "お電話ありがとうございます。"),
        ("en", "male", "Thank you for calling. Good bye."),
    ],
)
async def test_a_message_is_heard_in_its_voice(
    customer: Customer, language: str, gender: str, text: str
) -> None:
    call, told = await customer.call()
    msg = f'<speech language="{language}" gender="{gender}">{text}</speech>'
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended(timeout_s=20)).how is How.BYE_RECEIVED
    heard = np.asarray(call.recording.pcm(), np.float64)
    assert 1 < len(heard) / 8000 < 8
    frames = heard[: len(heard) // 160 * 160].reshape(-1, 160)
    voiced = np.sqrt((frames**2).mean(axis=1)) > 300
    assert voiced.mean() > 0.4
    assert call.recording.lost == 0


async def test_text_in_a_script_that_the_voice_cannot_read(customer: Customer) -> None:
    msg = '<speech language="fr">請稍等</speech>'
    await assert_refused(customer, "error_msg_cannot_convert_text", msg=msg)


@pytest.mark.parametrize("language", ["th", "he", "my"])
async def test_a_language_that_is_not_offered_is_refused(customer: Customer, language: str) -> None:
    msg = f'<speech language="{language}">hello</speech>'
    await assert_refused(customer, "error_msg_invalid_language", msg=msg)


def running(pid: int) -> bool:
    """Whether a process still runs; one that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_the_workers_end_with_the_server(
    start: Callable[..., Onhook], end: signal.Signals
) -> None:
    server = start()
    async with asyncio.timeout(30):
        while not (workers := server.pids("speech")):  # they are started beside the first calls
            await asyncio.sleep(0.05)
        server.process.send_signal(end)
        await server.stopped()
        while any(map(running, workers)):
            await asyncio.sleep(0.05)
