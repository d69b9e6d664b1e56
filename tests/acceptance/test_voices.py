"""Messages in other voices than the default one, heard by a caller."""

import asyncio
import json
import os
import signal
from collections.abc import Callable

import numpy as np
import pytest

from acceptance.asking import OK, ask, assert_refused
from acceptance.harness import Customer, Onhook
from acceptance.remains import descendants, gone, of_process
from briefly import slow_but
from onhook.speech.installed import installed_voices
from onhook.speech.voices import described
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver


@pytest.mark.parametrize(
    ("language", "gender", "text"),
    [
        ("zh-HK", "female", "多謝你嘅來電，再見。"),
        ("de", "female", "Vielen Dank für Ihren Anruf. Auf Wiederhören."),
        ("de", "male", "Vielen Dank für Ihren Anruf. Auf Wiederhören."),
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
    assert (await call.ended()).how is How.BYE_RECEIVED
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


@pytest.mark.parametrize(
    "text",
    [
        "Donaudampf" * 90,
        "&lt;speed level='20'>Guten Tag.",
        "7" * 900,
        "請稍等",
        "\U0001f600" * 300 + "a",
    ],
)
async def test_a_hostile_text_is_spoken_or_refused(customer: Customer, text: str) -> None:
    """Whichever it is, the next message is heard."""
    call, told = await customer.call()
    msg = f'<speech language="de">{text}</speech>'
    reply = await customer.hangup(told["session"], msg=msg)
    if reply == OK:
        await call.answered()
    else:
        assert reply["status"] == "error_msg_cannot_convert_text"
    await call.leave()
    await is_heard(customer)


async def is_heard(customer: Customer) -> None:
    """A call hears a German message that was made for it."""
    call, told = await customer.call()
    msg = f'<speech language="de">Guten Tag, dies ist Anruf {told["session"][:6]}.</speech>'
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
    assert call.recording.heard_s > 1


def workers_of_pico(server: Onhook) -> set[int]:
    """The processes that speak German."""
    return {
        pid
        for pid in descendants(server.process.pid)
        if "speech.workers.pico" in of_process(pid, "cmdline")
    }


async def test_a_worker_that_hangs_is_killed_and_the_next_message_heard(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(start(), receiver, phone)
    await is_heard(customer)
    (hung,) = workers_of_pico(customer.server)
    os.kill(hung, signal.SIGSTOP)
    msg = '<speech language="de">Guten Tag, dies sagt niemand.</speech>'
    await assert_refused(customer, "error_msg_cannot_convert_text", msg=msg)
    await gone(hung)
    await is_heard(customer)
    assert hung not in workers_of_pico(customer.server)


async def test_the_voices_are_listed_by_http(customer: Customer) -> None:
    reply = await ask(customer.server, "GET", path="/voices")
    assert (reply.http_status, reply.headers["content-type"]) == (200, "application/json")
    with installed_voices() as catalogue:
        assert json.loads(reply.body) == described(catalogue.voices)


@pytest.mark.parametrize("end", slow_but([signal.SIGKILL], [signal.SIGTERM, signal.SIGKILL]))
async def test_the_workers_end_with_the_server(
    start: Callable[..., Onhook], end: signal.Signals
) -> None:
    server = start()
    async with asyncio.timeout(60):
        while not (workers := server.pids("speech")):  # they are started beside the first calls
            await asyncio.sleep(0.05)
    server.process.send_signal(end)
    await server.stopped()
    await gone(*workers)
