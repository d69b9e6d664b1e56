"""What is kept of the silence around speech."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from onhook.speech.narrowband import RATE_HZ
from onhook.speech.utterance import LEAD_MS, QUIET, Utterance
from onhook.speech.voices import Gender, Samples, Sound

LEAD = LEAD_MS * RATE_HZ // 1000
TONE = (0.5 * np.sin(np.arange(RATE_HZ) / 4)).astype(np.float32)


@dataclass(frozen=True)
class Given:
    """A voice that says just these samples, cut at these places."""

    sound: Samples
    cuts: tuple[int, ...] = ()

    engine = "given"
    name = "given"
    version = "1"
    language = "en-US"
    gender = Gender.FEMALE
    quality = "formant"

    def warm(self) -> None:
        pass

    def synthesise(self, text: str) -> Iterator[Sound]:
        for start, end in pairwise((0, *self.cuts, len(self.sound))):
            yield Sound(self.sound[start:end], RATE_HZ)


def silence(samples: int) -> Samples:
    return np.zeros(samples, np.float32)


def first_sound(pcm: np.ndarray) -> int:
    return int(np.flatnonzero(np.abs(pcm.astype(int)) > 1000)[0])


@pytest.mark.parametrize("cuts", [(), (2000,), (500, 2399), (2400,), (2405, 2600)])
@pytest.mark.parametrize("whole", [True, False])
def test_speech_begins_soon_however_long_the_voice_was_silent(
    cuts: tuple[int, ...], whole: bool
) -> None:
    late = Given(np.concatenate([silence(2400), TONE, TONE, silence(800)]), cuts)
    soon = Given(np.concatenate([silence(LEAD), TONE, TONE, silence(800)]))
    utterances = [Utterance(late, "text"), Utterance(soon, "text")]
    heard, expected = [one.whole() if whole else one.piece() for one in utterances]
    assert abs(first_sound(np.asarray(heard)) - LEAD) < 20
    # The first sample of the tone itself is silent: one more or less of them may be kept.
    assert abs(len(heard) - len(expected)) <= 1


def test_what_begins_at_once_stays_as_it_is() -> None:
    assert len(Utterance(Given(TONE), "text").whole()) == len(TONE)


def test_silence_between_and_behind_sounds_is_kept() -> None:
    sound = np.concatenate([TONE, silence(4000), TONE, silence(4000)])
    assert len(Utterance(Given(sound, (9000, 11000)), "text").whole()) == len(sound)


def test_a_voice_that_is_silent_is_let_be_silent() -> None:
    quiet = np.full(4000, (QUIET - 1) / 32768, np.float32)
    for cuts in ((), (100, 3000)):
        assert len(Utterance(Given(quiet, cuts), "text").whole()) == len(quiet)
        assert len(Utterance(Given(quiet, cuts), "text").piece()) == len(quiet)
