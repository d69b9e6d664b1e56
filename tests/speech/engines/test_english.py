"""The real voice, and how it is driven."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, cast

import numpy as np
import pytest

from onhook.speech.engines.english import EnglishVoice, Synthesiser
from onhook.speech.engines.pieces import LIMIT
from onhook.speech.errors import CannotConvertText
from onhook.speech.voices import Samples


def spoken(voice: EnglishVoice, text: str) -> Samples:
    sounds = list(voice.synthesise(text))
    assert all(sound.rate_hz == 24_000 for sound in sounds)
    return np.concatenate([sound.samples for sound in sounds])


class Recorder:
    """An engine that notes what it is given, and makes a sample of every character."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.phonemes: list[str] = []

    def phonemize(self, text: str) -> list[str]:
        self.texts.append(text)
        return [text * 8]

    def from_phonemes(self, phonemes: str, speed: float = 1.0, seed: int | None = None) -> Samples:
        assert seed is not None
        self.phonemes.append(phonemes)
        return np.ones(len(phonemes), np.float32)


def heard(text: str) -> str:
    """What the engine is given of `text`."""
    engine = Recorder()
    list(EnglishVoice(lambda: engine).synthesise(text))
    return "".join(engine.texts[1:])  # the first one loads its tables


def test_it_keeps_no_memory_of_what_it_has_spoken(english: EnglishVoice) -> None:
    english.warm()
    options = cast(Any, english._loaded).sess.get_session_options()
    assert not options.enable_cpu_mem_arena
    assert not options.enable_mem_pattern


def test_a_sentence_sounds_like_one(english: EnglishVoice) -> None:
    samples = spoken(english, "Thank you for calling. Your order will arrive on Tuesday, goodbye.")
    assert 3 < len(samples) / 24_000 < 8
    assert 0.1 < np.abs(samples).max() <= 1.0
    assert np.sqrt(np.mean(samples**2)) > 0.01


def test_equal_text_gives_equal_sound(english: EnglishVoice) -> None:
    texts = ["Hello there.", "You have two new messages."] * 4
    with ThreadPoolExecutor(4) as threads:
        sounds = list(threads.map(lambda text: spoken(english, text), texts))
    for sound in sounds[2::2]:
        np.testing.assert_array_equal(sound, sounds[0])
    for sound in sounds[3::2]:
        np.testing.assert_array_equal(sound, sounds[1])


def test_more_words_take_longer(english: EnglishVoice) -> None:
    assert len(spoken(english, "One two three four five six.")) > 2 * len(spoken(english, "One."))


@pytest.mark.parametrize(
    "text",
    [
        "café naïve",
        "10 µm",
        "ＡＢＣ",
        "½",
        "12²",
        "٣",
        "OʼBrien",
        "Zzyzx qwrtplk",
        "4111111111111111",
        "9" * 60,
        "1," * 60,
        "a%" * 90,
        "£999",
    ],
)
def test_unusual_text_is_spoken(english: EnglishVoice, text: str) -> None:
    assert np.abs(spoken(english, text)).max() > 0.05


@pytest.mark.parametrize(
    "text",
    ["請稍等", "привет", "Ω", "สวัสดี", "々", "Press 1 for 中文", "مرحبا", "hello א"],
)
def test_another_script_is_refused_even_among_english(english: EnglishVoice, text: str) -> None:
    with pytest.raises(CannotConvertText, match="script") as raised:
        list(english.synthesise(text))
    assert text not in raised.value.detail


def test_what_has_no_sound_yields_none(english: EnglishVoice) -> None:
    assert list(english.synthesise("\U0001f600")) == []


def test_a_stumbling_engine_is_a_clear_error_without_the_text(english: EnglishVoice) -> None:
    with pytest.raises(CannotConvertText) as raised:
        list(english.synthesise("\u2461\u00ba"))
    assert raised.value.__suppress_context__
    assert "\u2461" not in raised.value.detail


def test_a_model_that_fails_fails_the_message_and_the_next_one_is_spoken() -> None:
    class Failing(Recorder):
        def from_phonemes(
            self, phonemes: str, speed: float = 1.0, seed: int | None = None
        ) -> Samples:
            if "bad" in phonemes:
                raise Exception("of no class that could be named")
            return super().from_phonemes(phonemes, speed, seed)

    voice = EnglishVoice(Failing)
    with pytest.raises(CannotConvertText):
        list(voice.synthesise("bad"))
    assert list(voice.synthesise("good"))


def test_the_engine_is_never_given_much_at_once() -> None:
    engine = Recorder()
    list(EnglishVoice(lambda: engine).synthesise("word " * 3000 + "x" * 3000))
    assert max(map(len, engine.texts)) <= LIMIT
    assert max(map(len, engine.phonemes)) <= 400
    assert max(len(word) for text in engine.texts for word in text.split()) <= 40


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("Card 4111111111111111.", "Card 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1."),
        ("1,234,567,890", "1,234,567,890"),
        ("1,234,567,890,123,456,789", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9"),
        ("[yes](/n\u02c8O/)", "[yes] (/n\u02c8O/)"),
        ("to\u00adday\u200b", "today"),
    ],
)
def test_text_is_made_readable_first(text: str, given: str) -> None:
    assert heard(text) == given


def test_it_is_loaded_when_first_used_and_once() -> None:
    loads: list[int] = []
    together = Barrier(4)

    def load() -> Synthesiser:
        loads.append(1)
        return Recorder()

    voice = EnglishVoice(load)
    assert (voice.language, voice.gender, voice.name, voice.engine) == (
        "en-US",
        "female",
        "heart",
        "hibari",
    )
    assert voice.version and not loads

    def speak() -> None:
        together.wait(60)
        voice.warm()

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(speak) for _ in range(4)]:
            done.result()
    assert loads == [1]


def test_an_engine_that_runs_out_is_no_silence() -> None:
    def broken() -> Iterator[int]:
        yield from ()

    class Broken(Recorder):
        def phonemize(self, text: str) -> list[str]:
            if text != "Ready.":
                next(broken())  # StopIteration must not end the voice's generator silently
            return []

    with pytest.raises(CannotConvertText):
        list(EnglishVoice(Broken).synthesise("hello"))
