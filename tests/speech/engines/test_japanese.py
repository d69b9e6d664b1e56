"""Japanese: kanji are read, both genders are heard, and without the extra it is not offered."""

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from onhook.speech.engines.japanese import JapaneseWoman, OpenJTalk
from onhook.speech.errors import CannotConvertText, InvalidLanguage
from onhook.speech.installed import installed_voices
from onhook.speech.narrowband import RATE_HZ
from onhook.speech.renderer import speech
from onhook.speech.voices import Catalogue, Gender, quality
from speech.engines.test_formant import pitch_hz

SENTENCE = "お電話ありがとうございます。少々お待ちください。"


@pytest.fixture(scope="module")
def engine() -> Iterator[OpenJTalk]:
    engine = OpenJTalk()
    yield engine
    engine.close()


class Recorder(OpenJTalk):
    """An engine that notes what it is given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def speak(self, text: str) -> tuple[int, bytes]:
        self.given.append(text)
        return 48_000, b"\x00\x10" * len(text)


@pytest.mark.parametrize(
    ("gender", "spoken_by", "rated", "pitch"),
    [("female", "openjtalk", "statistical", (145, 280)), ("male", "espeak", "formant", (65, 140))],
)
def test_it_is_heard(
    installed: Catalogue, gender: str, spoken_by: str, rated: str, pitch: tuple[int, int]
) -> None:
    voice = installed.find("ja-JP", gender)
    assert (voice.language, voice.engine, quality(voice)) == ("ja", spoken_by, rated)
    pcm = speech(voice, SENTENCE)
    assert 2 < len(pcm) / RATE_HZ < 9
    assert np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) > 500
    assert pitch[0] < pitch_hz(pcm) < pitch[1]


def test_kanji_are_read_as_they_are_pronounced(engine: OpenJTalk) -> None:
    assert engine.kana("東京駅で三月十四日") == "トーキョーエキデサンガツジューヨッカ"


def test_kanji_and_their_kana_are_the_same_to_the_formant_engine(installed: Catalogue) -> None:
    """Without kana it would name each kanji a "Chinese letter"."""
    man = installed.find("ja", "male")
    kanji, kana = (len(speech(man, text)) for text in ("東京駅", "トーキョーエキ"))
    assert kanji == pytest.approx(kana, rel=0.05)


def test_long_texts_are_given_in_pieces() -> None:
    engine = Recorder()
    sounds = list(JapaneseWoman(engine).synthesise(SENTENCE * 10 + "あ" * 300))
    assert max(map(len, engine.given)) <= 80
    assert sum(map(len, engine.given)) == sum(len(sound.samples) for sound in sounds)
    assert "".join(engine.given) == SENTENCE * 10 + "あ" * 300
    assert all(piece.endswith("。") for piece in engine.given[:3])


@pytest.mark.parametrize("text", ["привет", "สวัสดี", "안녕"])
def test_another_script_is_refused(installed: Catalogue, text: str) -> None:
    for gender in Gender:
        with pytest.raises(CannotConvertText, match="script"):
            speech(installed.find("ja", gender), text)


@pytest.mark.parametrize("text", ["\U0001f600", "...", "ーーー", "々", "a\x00b", "\u3099"])
def test_unusual_text_does_no_harm(engine: OpenJTalk, text: str) -> None:
    rate_hz, _ = engine.speak(text)
    assert rate_hz == 48_000
    assert engine.kana(text) is not None


def test_without_the_extra_it_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec

    def missing(name: str, *more: Any) -> Any:
        return None if name == "pyopenjtalk" else there(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", missing)
    with installed_voices() as catalogue, pytest.raises(InvalidLanguage):
        catalogue.find("ja")


def test_the_worker_starts_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []

    class Pool:
        def __init__(self, *_: object, **__: object) -> None: ...

        def ask(self, _job: bytes) -> bytes:
            started.append(self)
            return b"\x00\x00\xbb\x80\x00\x10"

    monkeypatch.setattr("onhook.speech.engines.japanese.WorkerPool", Pool)
    voice = JapaneseWoman(OpenJTalk())
    voice.warm()
    assert voice.version and not started
    assert len(list(voice.synthesise("はい"))) == len(started) == 1
