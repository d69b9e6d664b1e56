"""Every voice that is listed, as a caller hears it."""

import asyncio
from dataclasses import dataclass

import numpy as np
import pytest

from acceptance.asking import OK
from acceptance.harness import Customer
from onhook.speech.installed import installed_voices
from onhook.testing.call_log import How
from onhook.testing.phone_call import PhoneCall
from onhook.testing.tones import speech_like
from speech.engines.test_formant import SENTENCES, pitch_hz

AT_ONCE = 8
SENTENCES_BESIDE = {"ja": "お電話ありがとうございます。しばらくお待ちください。"}
PITCH_HZ = {"female": (145, 280), "male": (65, 140)}
"""Where the median of what was heard may lie: people's own ranges, and nothing of the other gender's."""


@dataclass(frozen=True)
class Speaker:
    """A row of ``onhook voices``."""

    language: str
    gender: str

    @property
    def msg(self) -> str:
        """A sentence in its language."""
        primary = self.language.partition("-")[0]
        text = {**SENTENCES_BESIDE, **SENTENCES}[primary]
        return f'<speech language="{self.language}" gender="{self.gender}">{text}</speech>'


def faults(speaker: Speaker, call: PhoneCall) -> list[str]:
    """What is wrong with what the phone recorded; nothing if it is speech of that gender."""
    pcm = call.recording.pcm()
    length_s = len(pcm) / 8000
    speech = speech_like(pcm)
    low, high = PITCH_HZ[speaker.gender]
    wrong = {
        "lost packets": call.recording.lost > 0,
        f"{length_s:.1f} s": not 1.5 < length_s < 9,
        f"level {speech.level_dbfs:.1f} dBFS": not -24 < speech.level_dbfs < -18,
        f"voiced for {speech.voiced_s:.1f} s": speech.voiced_s < 0.3 * length_s,
        f"level moves by {speech.level_spread_db:.1f} dB": speech.level_spread_db < 4,
        f"pitch {pitch_hz(pcm):.0f} Hz": not low < pitch_hz(pcm) < high,
        "clipped": int(np.abs(pcm.astype(np.int32)).max()) > 32_000,
    }
    return [
        f"{speaker.language} {speaker.gender}: {what}" for what, is_so in wrong.items() if is_so
    ]


@pytest.mark.slow
async def test_every_language_and_gender_is_heard_in_a_call(customer: Customer) -> None:
    with installed_voices() as catalogue:
        speakers = [Speaker(voice.language, voice.gender.value) for voice in catalogue.voices]
    assert len(speakers) >= 52
    waiting = iter(speakers)
    found: list[str] = []

    async def caller(own: Customer) -> None:
        for speaker in waiting:
            call, told = await own.call()
            assert await own.hangup(told["session"], msg=speaker.msg) == OK
            assert (await call.ended(timeout_s=30)).how is How.BYE_RECEIVED
            found.extend(faults(speaker, call))

    owners = [
        await Customer.make(customer.server, customer.receiver, customer.phone)
        for _ in range(AT_ONCE)
    ]
    await asyncio.gather(*map(caller, owners))
    assert found == []
