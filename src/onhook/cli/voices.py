"""What ``onhook voices`` and ``onhook say`` do."""

import logging
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from onhook.cli.errors import CommandError
from onhook.media.g711 import Codec, decode, encode
from onhook.speech.errors import DirectoryUnusable, EngineUnavailable, MessageError
from onhook.speech.installed import installed_voices
from onhook.speech.markup import normalised
from onhook.speech.narrowband import RATE_HZ
from onhook.speech.renderer import speech
from onhook.speech.voices import Catalogue, described


@contextmanager
def _catalogue(voices_dir: Path | None, experimental: bool) -> Iterator[Catalogue]:
    """All voices, those of a directory included. What keeps them silent is a `CommandError`."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        with installed_voices(voices_dir, experimental=experimental) as catalogue:
            yield catalogue
    except MessageError as error:
        raise CommandError(f"{error.status}: {error.detail}") from error
    except (EngineUnavailable, DirectoryUnusable) as error:
        raise CommandError(str(error)) from error


def listed(
    voices_dir: Path | None = None, *, experimental: bool = False
) -> list[dict[str, str | float | None]]:
    """The voices, one row each, the default first. Raises `CommandError`."""
    with _catalogue(voices_dir, experimental) as catalogue:
        return described(catalogue.voices)


def say(
    text: str,
    out: Path,
    language: str | None,
    gender: str | None,
    voices_dir: Path | None = None,
    *,
    experimental: bool = False,
) -> tuple[float, str]:
    """Speak `text` into the wav file `out`; how long it is in seconds, and who speaks.

    The samples have been through G.711, as on the telephone. Raises `CommandError`.
    """
    with _catalogue(voices_dir, experimental) as catalogue:
        voice = catalogue.find(language, gender)
        pcm = speech(voice, normalised(text))
    heard = decode(encode(pcm, Codec.PCMU), Codec.PCMU)
    try:
        with out.open("wb") as target, wave.open(target, "wb") as file:
            file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            file.writeframes(heard.astype("<i2").tobytes())
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
    return len(heard) / RATE_HZ, f"{voice.engine}, {voice.language}, {voice.gender}"
