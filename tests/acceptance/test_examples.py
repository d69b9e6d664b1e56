"""Each sample application, with a real server, real phones, and a trunk that leads to one of them."""

import asyncio
import io
import time
from collections.abc import AsyncIterator

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
import soundfile

from acceptance.harness import Onhook
from acceptance.samples import EXAMPLES, Sample, new_number
from acceptance.talking import PATIENCE_S, listening, until
from onhook.cli import trunks
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.g711 import Pcm
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import find_tone, silence, speech_like, tone

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAUSE_S = 0.8
"""Longer than the pause between two sentences of a message, if both are spoken."""
PAUSE_PACKETS = 35
"""Most of those that come in it. Where none come the machine stands still, and not the speaker."""
BEEP_HZ, BEEP_MS = 1000, 150
"""What is heard where a recording begins: most of it, in one piece."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def carrier() -> AsyncIterator[Phone]:
    """The trunk: whatever number the server calls, this phone rings."""
    async with Phone() as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(carrier: Phone) -> AsyncIterator[Onhook]:
    running = await asyncio.to_thread(Onhook)
    host, port = carrier.address
    await trunks.add(running.data, trunks.Given(name="carrier", proxy=f"{host}:{port}"))
    yield running
    running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def phone() -> AsyncIterator[Phone]:
    async with Phone("+6591110000") as one:
        yield one


async def call_in(phone: Phone, sample: Sample) -> PhoneCall:
    """A call to the application, answered, in which somebody has begun to speak."""
    call = await phone.call(await sample.number(), server=sample.server.sip)
    await call.answered()
    await hears_speech(call, 0.0)
    return call


async def press(call: CallLeg, keys: str) -> float:
    """Presses keys. Returns a moment that lies before all that the last of them brings about, and behind
    what the caller was being told until then: a key stops that, and the last one waits for the end of it.
    """
    if keys[:-1]:
        await call.send_digits(keys[:-1])
    await hears_no_more(call)
    now_s = time.monotonic()
    await call.send_digits(keys[-1])
    return now_s


async def hears_speech(call: CallLeg, since_s: float) -> None:
    """Somebody speaks, or has spoken, on this call since a moment before what makes them speak."""

    def spoken() -> bool:
        return bool(speech_like(call.recording.since(since_s).pcm()))

    await until(spoken, "speech")


async def hears_the_beep(call: CallLeg) -> None:
    """What is said from now on is recorded. The second sentence before it may have been late."""
    await until(listening(call, BEEP_HZ, min_ms=BEEP_MS), "the beep")


async def hears_no_more(call: CallLeg) -> None:
    """It has become silent on this call, for longer than between two sentences."""

    def silent() -> bool:
        lately = call.recording.since(time.monotonic() - PAUSE_S)
        return len(lately.packets) >= PAUSE_PACKETS and not np.any(np.abs(lately.pcm()) > 300)

    await until(silent, "silence")


async def hear_each_other(*calls: CallLeg) -> None:
    """Each says a tone of its own, one after another until all were heard, and hears that of every other but
    not its own."""
    tones = dict(zip(calls, (800, 1100, 1400, 1700), strict=False))

    async def speak() -> None:
        while True:
            for call, hz in tones.items():
                await call.say(np.concatenate([tone(hz, 400), silence(400)]))

    heard = [
        listening(call, hz) for call in calls for other, hz in tones.items() if other is not call
    ]
    speaking = asyncio.ensure_future(speak())
    try:
        await until(lambda: all(one() for one in heard), "everybody by everybody else")
    finally:
        speaking.cancel()
    for call, hz in tones.items():
        assert find_tone(call.recording.pcm(), hz) is None


async def test_the_attendant_joins_a_caller_to_the_office(
    server: Onhook, carrier: Phone, phone: Phone
) -> None:
    office = new_number()
    async with Sample(server, "auto_attendant.py", OFFICE=office) as attendant:
        call = await call_in(phone, attendant)
        await call.send_digits("1")
        ringing = await carrier.incoming(PATIENCE_S, called=office)
        ringing.ring()
        await ringing.answer()
        await hear_each_other(call, ringing)
        await ringing.hang_up()
        assert (await call.ended()).how is How.BYE_RECEIVED
        await attendant.line("the call is over: SGD 0.0")
        assert attendant.said[:2] == ["middle/gather success_ok", "end/transfer success_ok"]
        assert (call.complaints, ringing.complaints) == ([], [])


async def test_the_attendant_tells_the_hours_and_asks_again(server: Onhook, phone: Phone) -> None:
    async with Sample(server, "auto_attendant.py", OFFICE=new_number()) as attendant:
        call = await call_in(phone, attendant)
        pressed_s = await press(call, "2")
        await attendant.line("middle/play success_ok")
        await hears_speech(call, pressed_s)
        await attendant.line("middle/gather success_ok")
        pressed_s = await press(call, "7")
        await attendant.line("end/hangup success_ok")
        await hears_speech(call, pressed_s)
        assert (await call.ended(PATIENCE_S)).how is How.BYE_RECEIVED
        await attendant.line("the call is over")


async def test_the_attendant_says_when_the_office_is_busy(
    server: Onhook, carrier: Phone, phone: Phone
) -> None:
    office = new_number()
    async with Sample(server, "auto_attendant.py", OFFICE=office) as attendant:
        call = await call_in(phone, attendant)
        pressed_s = await press(call, "1")
        (await carrier.incoming(PATIENCE_S, called=office)).reject(486)
        await attendant.line("end/hangup success_ok")
        await hears_speech(call, pressed_s)
        assert (await call.ended(PATIENCE_S)).how is How.BYE_RECEIVED
        await attendant.line("the call is over")


async def fetch(url: str) -> Pcm:
    """Download a recording."""
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        assert reply.status == 200
        sound, _ = soundfile.read(io.BytesIO(await reply.read()), dtype="int16")
        return np.asarray(sound, dtype=np.int16)


async def test_voicemail_is_recorded_and_played_back(server: Onhook, phone: Phone) -> None:
    async with Sample(server, "voicemail.py") as voicemail:
        call = await call_in(phone, voicemail)
        await hears_the_beep(call)
        await call.say(tone(1400, 600))
        await call.send_digits("#")
        link = (await voicemail.line("a message: http")).split()[-1]
        await voicemail.line("end/hangup success_ok")
        assert find_tone(await fetch(link), 1400, min_ms=300) is not None
        assert (await call.ended(PATIENCE_S)).how is How.BYE_RECEIVED
        assert find_tone(call.recording.pcm(), 1400, min_ms=300) is not None
        await voicemail.line("the call is over")


async def test_voicemail_of_a_caller_who_just_hangs_up(server: Onhook, phone: Phone) -> None:
    async with Sample(server, "voicemail.py") as voicemail:
        call = await call_in(phone, voicemail)
        await hears_the_beep(call)
        await call.say(tone(1400, 600))
        await call.hang_up()
        link = (await voicemail.line("a message: http")).split()[-1]
        await voicemail.line("the call is over")
        assert find_tone(await fetch(link), 1400, min_ms=300) is not None


async def test_callers_who_type_the_same_number_are_in_conference(
    server: Onhook, phone: Phone
) -> None:
    async with Sample(server, "conference_line.py") as conference:
        calls = [await call_in(phone, conference) for _ in range(4)]
        for call, digits in zip(calls, ("77#", "77#", "77#", "78#"), strict=True):
            pressed_s = await press(call, digits)
            await conference.line("end/transfer success_ok")
            await hears_speech(call, pressed_s)
            await hears_no_more(call)
        *members, stranger = calls
        await hear_each_other(*members)
        for hz in (800, 1100, 1400):
            assert find_tone(stranger.recording.pcm(), hz) is None
        for call in calls:
            await call.hang_up()
            await conference.line("a member has left")


@pytest.mark.parametrize(("key", "outcome"), [("1", "kept"), ("2", "cancelled")])
async def test_a_reminder_is_answered(
    server: Onhook, carrier: Phone, key: str, outcome: str
) -> None:
    patient = new_number()
    async with Sample(server, "appointment_reminder.py", patient, "tomorrow at ten") as reminder:
        call = await carrier.incoming(PATIENCE_S, called=patient)
        call.ring()
        await call.answer()
        await hears_speech(call, 0.0)
        await reminder.line("middle/gather success_ok")
        pressed_s = await press(call, key)
        await hears_speech(call, pressed_s)
        assert (await call.ended(PATIENCE_S)).how is How.BYE_RECEIVED
        await reminder.line(f"the appointment: {outcome}")
        assert await reminder.exit_code() == 0
        assert call.complaints == []


async def test_a_reminder_to_a_busy_phone(server: Onhook, carrier: Phone) -> None:
    patient = new_number()
    async with Sample(server, "appointment_reminder.py", patient, "tomorrow at ten") as reminder:
        (await carrier.incoming(PATIENCE_S, called=patient)).reject(486)
        await reminder.line("the appointment: busy")
        assert await reminder.exit_code() == 0


async def test_a_code_is_read_aloud_and_checked(server: Onhook, carrier: Phone) -> None:
    person = new_number()
    certain = "import secrets\nsecrets.randbelow = lambda bound: 47110"
    async with Sample(server, "two_factor.py", person, before=certain) as sign_in:
        call = await carrier.incoming(PATIENCE_S, called=person)
        await call.answer()
        assert (await call.ended(PATIENCE_S * 2)).how is How.BYE_RECEIVED
        assert speech_like(call.recording.pcm()).voiced_s > 3
        await sign_in.line("The code that you heard:")
        sign_in.type("47110")
        await sign_in.line("wrong")
        sign_in.type("047110")
        await sign_in.line("right")
        assert await sign_in.exit_code() == 0


async def test_a_code_that_nobody_hears(server: Onhook, carrier: Phone) -> None:
    person = new_number()
    async with Sample(server, "two_factor.py", person) as sign_in:
        (await carrier.incoming(PATIENCE_S, called=person)).reject(486)
        await sign_in.line("the code was not heard: busy")
        assert await sign_in.exit_code() == 1


async def test_every_sample_is_described() -> None:
    page = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f"[{path.name}]({path.name})" in page
