"""The voices of SVOX Pico: who speaks, how she and he sound, and what a hostile text does to them."""

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from briefly import slow_but
from onhook.speech.downloads.downloads import Downloads
from onhook.speech.engines import pico
from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.formant import FormantVoice
from onhook.speech.engines.languages import LANGUAGES
from onhook.speech.engines.pico import Pico, PicoVoice, pico_voices
from onhook.speech.engines.pico_text import spellable
from onhook.speech.errors import CannotConvertText
from onhook.speech.installed import installed_voices
from onhook.speech.level import active_level_dbfs
from onhook.speech.narrowband import RATE_HZ, Pcm
from onhook.speech.renderer import Renderer, speech
from onhook.speech.voices import Catalogue, Gender, licence, quality
from speech.doubles import Shelf, Web, stand_in
from speech.engines.test_formant import SENTENCES, pitch_hz, sentence, spoken

TAGS = [language.tag for language in pico.LANGUAGES]
OTHERS = ["es-MX", "pt-PT", "pt-BR", "zh-CN", "ru", "nl"]
PITCH_HZ = {"female": (145, 280), "male": (65, 140)}

STAND_IN = """
import json, os, struct, sys, time
def answer(message):
    sys.stdout.buffer.write(struct.pack(">I", len(message)) + message)
    sys.stdout.buffer.flush()
answer(b"+")
while head := sys.stdin.buffer.read(4):
    job = json.loads(sys.stdin.buffer.read(struct.unpack(">I", head)[0]))
    if "hang" in job["text"]:
        time.sleep(1000)
    if "die" in job["text"]:
        os._exit(1)
    answer(b"+" + struct.pack(">I", 16_000) + (b"\\0\\x10" if "mute" not in job["text"] else b"") * 8000)
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Pico]:
    engine = Pico(1)
    yield engine
    engine.close()


@pytest.fixture
def unruly() -> Iterator[Pico]:
    engine = Pico(
        1, job_s=3.0, starter=stand_in("pico", [sys.executable, "-I", "-S", "-c", STAND_IN])
    )
    yield engine
    engine.close()


def voice_of(engine: Pico, tag: str, gender: Gender = Gender.FEMALE) -> PicoVoice:
    (found,) = (one for one in pico_voices(engine) if (one.language, one.gender) == (tag, gender))
    return found


def seconds(pcm: Pcm) -> float:
    return len(pcm) / RATE_HZ


@pytest.mark.parametrize("gender", ["female", "male"])
@pytest.mark.parametrize("tag", TAGS)
def test_it_speaks_for_the_formant_engine_in_its_languages(
    installed: Catalogue, tag: str, gender: str
) -> None:
    voice = installed.find(tag, gender)
    assert (voice.language, voice.gender, voice.engine) == (tag, gender, "pico")
    assert quality(voice).startswith("statistical")
    assert licence(voice) == "Apache-2.0"


def test_other_languages_stay_with_who_spoke_them(installed: Catalogue) -> None:
    assert {installed.find(tag).engine for tag in OTHERS} == {"espeak"}
    assert installed.find().engine == "hibari"


def test_without_its_package_the_formant_engine_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec

    def missing(name: str, *more: Any) -> Any:
        return None if name == "py_nanotts" else there(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", missing)
    with installed_voices(vectors=Path("/nonexistent")) as catalogue:
        assert {catalogue.find(tag).engine for tag in TAGS} == {"espeak"}


@pytest.mark.parametrize("tag", TAGS)
def test_a_woman_and_a_man_say_the_same_in_the_same_time(installed: Catalogue, tag: str) -> None:
    said = {gender: spoken(installed, tag, gender, sentence(tag)) for gender in ("female", "male")}
    for gender, pcm in said.items():
        low, high = PITCH_HZ[gender]
        assert low < pitch_hz(pcm) < high
        assert 2.5 < seconds(pcm) < 6
        loud = np.abs(pcm.astype(np.int32))[: len(pcm) // 800 * 800].reshape(-1, 800)
        assert (loud.max(axis=1) > 1000).mean() > 0.6  # it goes on to the end
    assert 0.9 < len(said["male"]) / len(said["female"]) < 1.1


@pytest.mark.parametrize("gender", ["female", "male"])
@pytest.mark.parametrize("tag", TAGS)
def test_it_is_as_loud_as_other_voices_and_never_clips(
    engine: Pico, installed: Catalogue, tag: str, gender: str
) -> None:
    voice = voice_of(engine, tag, Gender(gender))
    sounds = [sound.samples for sound in voice.synthesise(sentence(tag))]
    assert np.abs(np.concatenate(sounds)).max() < 0.99
    pcm = speech(voice, sentence(tag))
    assert np.abs(pcm.astype(np.int32)).max() < 0.95 * 32768
    other = spoken(installed, "en", gender, SENTENCES["en"])
    assert abs(active_level_dbfs(pcm) - active_level_dbfs(other)) < 2


async def test_what_the_formant_engine_spoke_is_not_taken_for_it(engine: Pico) -> None:
    """Prompts are kept for years: an old one in the other voice is not played for a new one."""
    shelf, espeak = Shelf(), Espeak(1)
    german = next(language for language in LANGUAGES if language.tag == "de")
    before = FormantVoice(espeak, german, Gender.FEMALE)
    for voice in (before, voice_of(engine, "de")):
        downloads = Downloads(shelf, Web())
        renderer: Renderer[Any] = Renderer(
            catalogue=Catalogue([voice]), store=shelf, downloads=downloads
        )
        await renderer.render(renderer.check("Guten Tag."), deadline_s=30)
        await renderer.close()
    espeak.close()
    assert len(set(shelf.saved)) == 2


# What it is given


@pytest.mark.parametrize(
    ("language", "text", "given"),
    [
        ("de", "Łódź, Dvořák, Straße, café", "Lódz, Dvorák, Straße, café"),
        ("fr", "Straße, Málaga, cœur, ça", "Strasse, Malaga, cœur, ça"),
        ("es", "¿Qué? ¡Niño! Ünlü, Ærø, à", " Qué?  Niño! Ünlü, AEro, a"),
        ("it", "perché l\u2019amico, Würth", "perché l'amico, Wurth"),
        ("en", "cafe\u0301 \u2013 na\u00adive", "café - naive"),
        ("de", "Er sagte \u201eHallo\u201c \u2026", "Er sagte  Hallo."),
        ("de", "\uff21\uff22 \uff11\uff12", "AB 12"),
        ("de", "x" * 200, f"{'x' * 80} {'x' * 80} {'x' * 40}"),
        ("de", "7" * 50, f"{'7' * 20} {'7' * 20} {'7' * 10}"),
        ("de", "7" * 80, " ".join(["7" * 20] * 4)),
    ],
)
def test_it_is_given_what_it_can_read(language: str, text: str, given: str) -> None:
    assert spellable(text, language) == given


@pytest.mark.parametrize(
    ("tag", "text", "alike"),
    [
        ("de", "Er sagte \u201eHallo\u201c zu mir", "Er sagte Hallo zu mir"),
        ("de", 'Er sagte "Hallo" zu mir', "Er sagte Hallo zu mir"),
        ("de", "Herr Łoś aus Łódź", "Herr Los aus Lodz"),
        ("fr", "Monsieur Müller", "Monsieur Muller"),
    ],
)
def test_no_letter_is_left_out_and_no_mark_read_by_its_name(
    installed: Catalogue, tag: str, text: str, alike: str
) -> None:
    said, expected = (spoken(installed, tag, "female", one) for one in (text, alike))
    assert abs(seconds(said) - seconds(expected)) < 0.3


# Hostile texts


@pytest.mark.parametrize("tag", slow_but(["de"], TAGS))
@pytest.mark.parametrize("letters", ["a", "ab", "Donaudampf", "1234567890", "a1"])
def test_all_of_an_unbroken_text_is_spoken(installed: Catalogue, tag: str, letters: str) -> None:
    text = (letters * 300)[:300]
    assert seconds(spoken(installed, tag, "female", text)) > 300 * 0.04


def test_thousands_of_unbroken_letters_are_spoken(installed: Catalogue) -> None:
    assert seconds(spoken(installed, "de", "female", "Donaudampf" * 300)) > 120


@pytest.mark.parametrize(
    "text",
    [
        '<speed level="20">Guten Tag</speed>',
        '<volume level="0">Guten Tag',
        '<play file="/etc/hostname"/>Guten Tag',
        '<genfile file="/tmp/x">Guten Tag</genfile>',
    ],
)
def test_tags_are_no_commands(engine: Pico, text: str) -> None:
    rate_hz, pcm = engine.speak("de-DE", text, volume=35)
    _, harmless = engine.speak("de-DE", text.replace("<", " ").replace(">", " "), volume=35)
    assert rate_hz == 16_000
    assert len(pcm) == pytest.approx(len(harmless), rel=0.2)  # pauses vary


@pytest.mark.parametrize("between", ["\x00", "\x1b", "\ud800", "\n"])
def test_what_follows_an_odd_character_is_spoken(engine: Pico, between: str) -> None:
    _, whole = engine.speak("fr-FR", f"bonjour{between}madame et messieurs")
    _, usual = engine.speak("fr-FR", "bonjour madame et messieurs")
    assert len(whole) == pytest.approx(len(usual), rel=0.2)  # pauses vary


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("text", ["請稍等", "Hallo привет", "สวัสดี", "مرحبا", "こんにちは"])
def test_another_script_is_refused(installed: Catalogue, tag: str, text: str) -> None:
    with pytest.raises(CannotConvertText, match="script") as raised:
        spoken(installed, tag, "male", text)
    assert text not in raised.value.detail


@pytest.mark.parametrize("text", ["...", "\U0001f600", "<>", "\u200d"])
def test_what_has_no_word_is_refused(installed: Catalogue, text: str) -> None:
    with pytest.raises(CannotConvertText, match="finds nothing"):
        spoken(installed, "fr", "female", text)


def test_words_that_come_to_silence_fail(unruly: Pico) -> None:
    with pytest.raises(CannotConvertText):
        speech(voice_of(unruly, "de"), "mute")
    assert seconds(speech(voice_of(unruly, "de"), "Hallo")) > 0.2


@pytest.mark.parametrize("gender", list(Gender))
def test_the_engine_says_nothing_of_what_it_cannot_pronounce(engine: Pico, gender: Gender) -> None:
    with pytest.raises(CannotConvertText):
        speech(voice_of(engine, "fr", gender), "nr")


def test_a_text_that_is_spoken_for_too_long_is_refused(
    engine: Pico, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pico, "MAX_SPEECH_S", 20.0)
    with pytest.raises(CannotConvertText, match="20 seconds"):
        list(voice_of(engine, "es-ES").synthesise("a;b:c!d?" * 100))


@pytest.mark.parametrize(("text", "reason"), [("hang", "in time"), ("die", "gave up")])
def test_a_worker_that_hangs_or_dies_costs_its_message_alone(
    unruly: Pico, text: str, reason: str
) -> None:
    voice = voice_of(unruly, "de")
    with pytest.raises(CannotConvertText, match=reason):
        speech(voice, text)
    assert seconds(speech(voice, "Hallo")) > 0.2


def children() -> set[int]:
    found: set[int] = set()
    for listed in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended meanwhile
            found |= set(map(int, listed.read_text().split()))
    return found


def test_a_worker_starts_with_the_first_text_and_is_kept_within_its_memory() -> None:
    before = children()
    engine = Pico(2)
    try:
        voice = voice_of(engine, "de")
        voice.warm()
        assert children() == before
        for _ in range(3):
            speech(voice, "Guten Tag.")
        (worker,) = children() - before
        limits = Path(f"/proc/{worker}/limits").read_text()
        (most,) = (
            line.split()[3] for line in limits.splitlines() if line.startswith("Max address space")
        )
        assert int(most) == 256 * 1024 * 1024
        os.kill(worker, signal.SIGKILL)
        os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)
        assert seconds(speech(voice, "Guten Tag.")) > 0.5
    finally:
        engine.close()
    assert children() == before
