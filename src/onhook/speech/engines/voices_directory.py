"""Piper voices that the operator has put into a directory: NAME.onnx beside NAME.onnx.json."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.piper import PiperModel, PiperSpeaker, PiperVoice
from onhook.speech.errors import DirectoryUnusable, VoiceFileUnusable
from onhook.speech.scripts import written_in
from onhook.speech.voices import Gender

log = structlog.get_logger()

ENGINE: Final = "piper"

_TAG: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_GENDERS: Final = re.compile(r"(?:^|[^a-z])(female|male)(?:$|[^a-z])")
_SYMBOLS: Final = ("^", "$", "_")
# What models call a language, where the formant engine's exact id is another one.
_PHONEMES: Final = {"zh": "cmn", "zh-yue": "yue", "fr-fr": "fr", "en-gb": "en", "es-es": "es"}


@dataclass(frozen=True, slots=True)
class _Found:
    speaker: PiperSpeaker
    symbols: Mapping[str, Sequence[int]]
    scales: tuple[float, float, float]
    number: int


def voices_in(directory: Path, espeak: Espeak) -> Iterator[PiperVoice]:
    """The voices of `directory`, by name. One that cannot be used is logged and left out.

    Only the descriptions are read now. Raises `DirectoryUnusable`.
    """
    try:
        models = sorted(path for path in directory.iterdir() if path.suffix == ".onnx")
    except OSError as error:
        raise DirectoryUnusable(
            f"The directory of voices {directory} cannot be read: {error.strerror}."
        ) from error
    for path in models:
        try:
            found = _read(path)
        except (VoiceFileUnusable, OSError, UnicodeDecodeError) as error:
            log.error("voice_left_out", voice=path.stem, reason=str(error))
        else:
            load = partial(PiperModel, path, found.symbols, found.scales, found.number)
            yield PiperVoice(espeak, found.speaker, load)


def _read(path: Path) -> _Found:
    description = path.with_name(path.name + ".json").read_bytes()
    try:
        told = json.loads(description)
    except ValueError:
        raise VoiceFileUnusable(f"{path.name}.json is no JSON") from None
    kind = _look_up(told, "phoneme_type", str, "espeak")
    if kind != "espeak":
        raise VoiceFileUnusable(
            f"its phonemes are of the kind {kind!r}, only 'espeak' is supported"
        )
    symbols = _look_up(told, "phoneme_id_map", dict)
    if missing := [symbol for symbol in _SYMBOLS if symbol not in symbols]:
        raise VoiceFileUnusable(f"its phoneme_id_map lacks {missing}")
    language = _look_up(told, "language.code", str).replace("_", "-")
    if not _TAG.fullmatch(language):
        raise VoiceFileUnusable(f"its language.code {language!r} is no language tag")
    gender, said = _gender(path.stem, told)
    phonemes = _look_up(told, "espeak.voice", str)
    speaker = PiperSpeaker(
        engine=ENGINE,
        name=path.stem,
        version=_version(path, description),
        language=language,
        gender=gender,
        quality="neural" if said else "neural, gender not stated",
        rate_hz=_look_up(told, "audio.sample_rate", int),
        phonemes_voice=_PHONEMES.get(phonemes, phonemes),
        scripts=written_in(language),
    )
    number = _look_up(told, "speaker", int, 0)
    return _Found(speaker, symbols, _scales(told), number)


def _gender(name: str, told: Mapping[str, Any]) -> tuple[Gender, bool]:
    """The gender that the description tells, or the name; and whether one of them does."""
    stated = told.get("gender")
    if stated is not None:
        try:
            return Gender(stated), True
        except ValueError:
            raise VoiceFileUnusable(
                f"its gender {stated!r} is not one of female and male"
            ) from None
    words = _GENDERS.search(name.lower())
    return (Gender(words[1]), True) if words else (Gender.FEMALE, False)


def _scales(told: Mapping[str, Any]) -> tuple[float, float, float]:
    noise, length, widths = (
        float(_look_up(told, f"inference.{name}", (int, float), usual))
        for name, usual in (("noise_scale", 0.667), ("length_scale", 1.0), ("noise_w", 0.8))
    )
    return noise, length, widths


def _version(path: Path, description: bytes) -> str:
    """Another one for another file; to hash the model would hold up the start."""
    state = path.stat()
    seen = b"%d %d " % (state.st_size, state.st_mtime_ns) + description
    return hashlib.sha256(seen).hexdigest()[:16]


def _look_up(told: Any, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
    """The value under a dotted name. Raises `VoiceFileUnusable` if it is not there, or of another kind."""
    for key in name.split("."):
        told = told.get(key) if isinstance(told, dict) else None
    if told is None and default is not None:
        return default
    if not isinstance(told, kind) or isinstance(told, bool):
        raise VoiceFileUnusable(f"its description has no usable {name}")
    return told
