"""The male English voice, and how its model is driven."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.joe import english_man
from onhook.speech.engines.piper import PiperVoice
from onhook.speech.errors import CannotConvertText
from onhook.speech.narrowband import RATE_HZ
from onhook.speech.renderer import speech
from onhook.speech.voices import Catalogue, Samples

PHONEMES = "_^$ abcdefghijklmnopqrstuvwxyz.,!?:;"


class Recorder:
    """A model that notes what it is given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def symbols(self) -> dict[str, Sequence[int]]:
        return {phoneme: [number] for number, phoneme in enumerate(PHONEMES)}

    def sound(self, numbers: Sequence[int]) -> Samples:
        self.given.append("".join(PHONEMES[number] for number in numbers))
        return np.ones(len(numbers), np.float32)


class Letters(Espeak):
    """An engine whose phonemes are the letters."""

    def phonemes(self, voice: str, clauses: Sequence[str], tied: bool = False) -> list[str]:
        assert voice == "en-us"
        return [clause.lower() for clause in clauses]


@pytest.fixture
def model() -> Recorder:
    return Recorder()


@pytest.fixture
def voice(model: Recorder) -> Iterator[PiperVoice]:
    engine = Letters(1)
    yield english_man(engine, lambda: model)
    engine.close()


def test_a_sentence_sounds_like_one(installed: Catalogue) -> None:
    man = installed.find("en", "male")
    assert (man.engine, man.language) == ("joe", "en-US")
    pcm = speech(man, "Thank you for calling. Your order will arrive on Tuesday, goodbye.")
    assert 2.5 < len(pcm) / RATE_HZ < 8
    assert np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) > 500


def test_phonemes_are_framed_and_padded(voice: PiperVoice, model: Recorder) -> None:
    list(voice.synthesise("ab"))
    assert model.given == ["^_a_b_ _$"]


def test_a_mark_is_heard_and_ends_a_sentence(voice: PiperVoice, model: Recorder) -> None:
    list(voice.synthesise("Hello, Dr. No. Is it 3.5? Yes! bye"))
    assert [text.replace("_", "").strip("^$ ") for text in model.given] == [
        "hello, dr. no.",
        "is it .?",  # the double has no digits
        "yes!",
        "bye",
    ]


def test_accents_are_marks_of_their_own(voice: PiperVoice, model: Recorder) -> None:
    list(voice.synthesise("\u00e9"))
    assert model.given == ["^_e_ _$"]


def test_the_model_is_never_given_much_at_once(voice: PiperVoice, model: Recorder) -> None:
    list(voice.synthesise("word " * 300 + "x" * 3000))
    assert max(map(len, model.given)) <= 2 * 200 + 3
    assert sum(text.count("x") for text in model.given) == 3000


def test_punctuation_alone_is_not_given(voice: PiperVoice, model: Recorder) -> None:
    assert list(voice.synthesise("... , !")) == []
    assert model.given == []


@pytest.mark.parametrize("text", ["請稍等", "привет", "Press 1 for 中文"])
def test_another_script_is_refused(voice: PiperVoice, text: str) -> None:
    with pytest.raises(CannotConvertText, match="script") as raised:
        list(voice.synthesise(text))
    assert text not in raised.value.detail


def test_the_model_is_loaded_once(model: Recorder) -> None:
    loads: list[int] = []

    def load() -> Recorder:
        loads.append(1)
        return model

    engine = Letters(1)
    voice = english_man(engine, load)
    assert voice.version and not loads
    for _ in range(2):
        list(voice.synthesise("hello"))
    assert loads == [1]
    engine.close()
