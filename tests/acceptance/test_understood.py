"""English from a call, written down by a recogniser that knows nothing of telephones.

The recogniser is old, and was trained on wide-band speech, so it errs; what counts is how much more it errs
on what the phone recorded than on what the engine spoke.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
import soxr
from pocketsphinx import Decoder

from acceptance.asking import OK
from acceptance.harness import Customer
from onhook.speech.installed import installed_voices
from onhook.testing.call_log import How

SENTENCES: Final = (
    "Please leave your name and number after the tone.",
    "Press one for sales, or press two for support.",
    "The meeting with the doctor has been moved to the afternoon.",
    "We will call you back in the morning.",
    "The weather will be warm and dry for the rest of the week.",
    "This call may be recorded for training purposes.",
)
ALLOWED: Final = 0.15
"""How much more of the words may be wrong on the telephone."""

QUIET_S: Final = 0.3
"""Of silence before and behind a sentence: a recogniser levels by what is quiet."""

RATE_HZ: Final = 16_000
"""What the recogniser listens to."""


class Recogniser:
    """Writes down what is said; each sentence by itself."""

    def __init__(self) -> None:
        self._decoder = Decoder(samprate=RATE_HZ, cmn="batch", loglevel="FATAL")

    def understood(self, sound: npt.NDArray[np.float32], rate_hz: int) -> list[str]:
        """The words of `sound`, which is within -1 to 1."""
        quiet = np.zeros(round(QUIET_S * rate_hz), dtype=np.float32)
        sound = np.concatenate([quiet, sound, quiet])
        pcm = np.clip(soxr.resample(sound, rate_hz, RATE_HZ) * 32767, -32768, 32767)
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.astype("<i2").tobytes(), full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        return words(heard.hypstr) if heard is not None else []


def words(text: str) -> list[str]:
    """The words of a text, without what is not heard of it."""
    return "".join(c for c in text.lower() if c.isalpha() or c in " '").split()


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """How many words have to be put in, left out or changed to make one of the other."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        above, row = row, [number]
        for at, other in enumerate(heard, 1):
            row.append(min(above[at] + 1, row[-1] + 1, above[at - 1] + (word != other)))
    return row[-1]


def error_rate(heard: Sequence[list[str]]) -> float:
    """The share of the words of all sentences that were not understood."""
    said = [words(sentence) for sentence in SENTENCES]
    wrong = sum(edits(one, other) for one, other in zip(said, heard, strict=True))
    return wrong / sum(map(len, said))


async def on_the_phone(customer: Customer, gender: str, text: str) -> npt.NDArray[np.float32]:
    """What the phone recorded of a Hangup with this message."""
    call, told = await customer.call()
    msg = f'<speech language="en" gender="{gender}">{text}</speech>'
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    return (call.recording.pcm() / 32768).astype(np.float32)


def at_the_engine(gender: str) -> list[tuple[npt.NDArray[np.float32], int]]:
    """What the engine makes of each sentence, and its rate."""
    with installed_voices() as catalogue:
        voice = catalogue.find("en", gender)
        sounds = [list(voice.synthesise(sentence)) for sentence in SENTENCES]
    return [(np.concatenate([part.samples for part in one]), one[0].rate_hz) for one in sounds]


@pytest.mark.parametrize("gender", ["female", pytest.param("male", marks=pytest.mark.slow)])
async def test_english_is_understood_on_the_phone(customer: Customer, gender: str) -> None:
    owners = [
        await Customer.make(customer.server, customer.receiver, customer.phone) for _ in SENTENCES
    ]
    calls = (on_the_phone(own, gender, text) for own, text in zip(owners, SENTENCES, strict=True))
    phone = await asyncio.gather(*calls)
    engine = await asyncio.to_thread(at_the_engine, gender)
    recogniser = Recogniser()
    narrow = error_rate([recogniser.understood(pcm, 8000) for pcm in phone])
    wide = error_rate([recogniser.understood(*sound) for sound in engine])
    assert wide < 0.25  # it is English
    assert narrow <= wide + ALLOWED
