"""What stands between a message and its voice: words for numbers, and a voice for each script."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from onhook.speech.engines.languages import LANGUAGES
from onhook.speech.errors import CannotConvertText
from onhook.speech.narrowband import RATE_HZ, Pcm
from onhook.speech.reading.reader import Reader
from onhook.speech.reading.runs import latin_runs
from onhook.speech.renderer import speech
from onhook.speech.voices import Catalogue, Gender, Sound


@dataclass
class Speaker:
    """A voice that notes what it is given, and makes a tone of it that begins and ends abruptly."""

    language: str
    rate_hz: int = 16_000
    engine: str = "double"
    version: str = "1"
    name: str = "somebody"
    gender: Gender = Gender.FEMALE
    quality: str = "loud"
    stumbles: bool = False
    given: list[str] = field(default_factory=list)

    def warm(self) -> None:
        self.given.append("warm")

    def synthesise(self, text: str) -> Iterator[Sound]:
        if self.stumbles:
            raise CannotConvertText
        self.given.append(text)
        time = np.arange(self.rate_hz // 2)
        yield Sound(np.cos(time * 0.1).astype(np.float32), self.rate_hz)


def chinese_and_english() -> tuple[Speaker, Speaker, Reader]:
    base, latin = Speaker("zh-CN", 22_050), Speaker("en-US", 24_000)
    return base, latin, Reader(base, latin)


def heard(reader: Reader, text: str) -> Pcm:
    return speech(reader, text)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("请打开 Wi-Fi 设置", ["请打开 ", "*Wi-Fi", " 设置"]),
        ("乘坐A380到B座", ["乘坐", "*A380", "到", "*B", "座"]),
        ("iPhone 15 已到", ["*iPhone 15", " 已到"]),
        ("Mr. O'Neill您好", ["*Mr. O'Neill", "您好"]),
        ("Позвоните в AT&T сегодня", ["Позвоните в ", "*AT&T", " сегодня"]),
        ("café是咖啡", ["*café", "是咖啡"]),
        ("你好 123", ["你好 123"]),
        ("", []),
    ],
)
def test_latin_words_are_runs_of_their_own(text: str, runs: list[str]) -> None:
    found = list(latin_runs(text))
    assert [("*" if is_latin else "") + run for is_latin, run in found] == runs
    assert "".join(run for _, run in found) == text


def test_each_run_is_spoken_by_the_voice_of_its_script() -> None:
    base, latin, reader = chinese_and_english()
    assert len(heard(reader, "请打开 Bluetooth，谢谢")) == pytest.approx(1.75 * RATE_HZ, rel=0.1)
    assert base.given == ["请打开 ", "，谢谢"]
    assert latin.given == ["Bluetooth"]


def test_a_text_of_one_script_is_not_cut() -> None:
    base, latin, reader = chinese_and_english()
    (sound,) = reader.synthesise("你好，再见")
    assert sound.rate_hz == base.rate_hz
    assert (base.given, latin.given) == (["你好，再见"], [])


def test_runs_join_without_a_click() -> None:
    """Every tone begins at its peak: joined as they are, the step would be half the range."""
    _, _, reader = chinese_and_english()
    sound = np.concatenate([each.samples for each in reader.synthesise("你 hello 好 world 吗")])
    smooth = (
        2 * np.sin(0.1 * 24_000 / RATE_HZ / 2) * np.abs(sound).max()
    )  # the steepest of the tone
    assert np.abs(np.diff(sound)).max() < 1.1 * smooth
    assert abs(sound[0]) < 0.02
    assert abs(sound[-1]) < 0.02


def test_words_that_the_latin_voice_cannot_speak_are_left_to_the_other() -> None:
    base, latin, reader = chinese_and_english()
    latin.stumbles = True
    heard(reader, "你好 qwrt")
    assert base.given == ["你好 ", "qwrt"]


def test_a_voice_of_latin_letters_needs_no_other() -> None:
    base, latin = Speaker("fr"), Speaker("en-US")
    heard(Reader(base, latin), "Bonjour Internet")
    assert (base.given, latin.given) == (["Bonjour Internet"], [])


def test_a_third_script_is_refused() -> None:
    _, _, reader = chinese_and_english()
    with pytest.raises(CannotConvertText, match="script"):
        heard(reader, "你好 hello привет")


def test_numbers_are_given_as_words() -> None:
    base = Speaker("de")
    heard(Reader(base), "Um 17:05 Uhr")
    assert base.given == ["Um 17 Uhr 5"]


def test_who_speaks_and_how_is_part_of_the_version() -> None:
    base, latin, reader = chinese_and_english()
    versions = {reader.version, Reader(base).version}
    latin.version = "2"
    versions.add(reader.version)
    base.version = "2"
    versions.add(reader.version)
    assert len(versions) == 4


def test_it_is_the_voice_that_it_reads_for() -> None:
    base, _, reader = chinese_and_english()
    reader.warm()
    assert base.given == ["warm"]
    assert (reader.engine, reader.name, reader.language) == ("double", "somebody", "zh-CN")
    assert (reader.gender, reader.quality) == (Gender.FEMALE, "loud")


@pytest.mark.parametrize("tag", ["zh-CN", "zh-HK", "ru", "ko", "hi", "ta", "ar", "fa", "bn", "uk"])
@pytest.mark.parametrize("gender", ["female", "male"])
def test_english_words_within_are_spoken_by_the_english_voice_of_that_gender(
    installed: Catalogue, tag: str, gender: str
) -> None:
    word = "international"
    alone = heard_words(speech(installed.find("en", gender), word))
    within = heard_words(speech(installed.find(tag, gender), f"\u3001{word}"))
    assert within == pytest.approx(alone, rel=0.2)


@pytest.mark.parametrize("tag", ["en-US", *(language.tag for language in LANGUAGES)])
def test_the_keys_are_heard(installed: Catalogue, tag: str) -> None:
    """A real engine, which passes over some of these signs in some languages."""
    voice = installed.find(tag, "male")
    silent = heard_words(speech(voice, "5"))
    for text in ("5 *", "5 #"):
        assert heard_words(speech(voice, text)) > silent + 0.1


def heard_words(pcm: Pcm) -> float:
    """Seconds in which something sounds."""
    frames = np.abs(pcm[: len(pcm) // 80 * 80].astype(np.int32)).reshape(-1, 80)
    return float((frames.max(axis=1) > 600).sum()) / 100


def test_an_english_message_that_is_wholly_chinese_is_refused(installed: Catalogue) -> None:
    for text in ("你好", "Press 1 for 中文"):
        with pytest.raises(CannotConvertText, match="script"):
            speech(installed.find("en", "male"), text)
