"""Recordings: what kind of file it is, and its sound as telephone audio.

A file is judged by its content; its name only has to agree. libsndfile and libmpg123, which decode
it, are asked for nothing beyond the formats that the API names.
"""

from collections.abc import Callable
from enum import Enum
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from onhook.speech.errors import InvalidFileFormat, InvalidFileSize
from onhook.speech.narrowband import Narrowband, Pcm
from onhook.speech.voices import Samples

MAX_DURATION_S: Final = 60 * 60
"""Longest recording. Ten megabytes of mp3 can be hours."""

MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 192_000
MAX_CHANNELS: Final = 2

_GSM_FRAME_BYTES: Final = 33
_MAX_GSM_BYTES: Final = MAX_DURATION_S * 50 * _GSM_FRAME_BYTES
_GSM_SIGNATURE: Final = 0xD  # the upper half of each frame's first byte


class FileKind(Enum):
    """The kinds of recording, by their extension."""

    MP3 = ".mp3"
    WAV = ".wav"
    GSM = ".gsm"


def named_kind(url: str) -> FileKind:
    """The kind that the path of `url` claims. Raises `InvalidFileFormat` for another extension."""
    _, _, name = unquote(urlsplit(url).path).rpartition("/")
    try:
        return FileKind(PurePosixPath(name).suffix.lower())
    except ValueError:
        raise InvalidFileFormat(
            "The address in a <url> of msg must end in .mp3, .wav or .gsm (before any ?)."
        ) from None


def content_kind(body: bytes) -> FileKind | None:
    """The kind that `body` is, by its first bytes (raw GSM: by all its frames)."""
    if body[:4] == b"RIFF" and body[8:12] == b"WAVE":
        return FileKind.WAV
    if body[:3] == b"ID3" or (len(body) > 1 and body[0] == 0xFF and body[1] & 0xE0 == 0xE0):
        return FileKind.MP3
    if _is_gsm(body):
        return FileKind.GSM
    return None


def decode(body: bytes, named: FileKind) -> Pcm:
    """The whole sound of a recording, resampled and mixed down, from its first sample to its last.

    `named` is what its name claims. Runs in a process of its own: see `decoding`.
    Raises `InvalidFileFormat`, or `InvalidFileSize` when it plays for more than `MAX_DURATION_S`.
    """
    kind = content_kind(body)
    if kind is None:
        raise InvalidFileFormat(
            "The file of a <url> in msg is not a recording: its content is not mp3, wav or gsm."
        )
    if kind is not named:
        raise InvalidFileFormat(
            f"The file of a <url> in msg is named {named.value}, but its content is {kind.value}."
        )
    if kind is FileKind.GSM and len(body) > _MAX_GSM_BYTES:
        raise _too_long()  # without the seconds that it takes to find out by decoding
    from onhook.speech.decoder import Decoder  # here: libsndfile is loaded when first needed

    with Decoder(body, kind) as decoder:
        _check(decoder.rate_hz, decoder.channels)
        pcm = _convert(decoder.read, decoder.rate_hz)
    if len(pcm) == 0:
        raise InvalidFileFormat("There is no sound in the file of a <url> in msg.")
    return pcm


def _convert(read: Callable[[], Samples], rate_hz: int) -> Pcm:
    narrowband = Narrowband(rate_hz)
    left = MAX_DURATION_S * rate_hz
    while len(samples := read()):
        left -= len(samples)
        if left < 0:
            raise _too_long()
        narrowband.feed(samples)
    return narrowband.finish()


def _too_long() -> InvalidFileSize:
    return InvalidFileSize(
        f"The file of a <url> in msg plays for more than {MAX_DURATION_S // 60} minutes."
    )


def _check(rate_hz: int, channels: int) -> None:
    """Refuse what would make the resampler take memory without bound (1 Hz took 2.1 GB)."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise InvalidFileFormat(
            f"The file of a <url> in msg has {rate_hz} samples a second; "
            f"{MIN_RATE_HZ} to {MAX_RATE_HZ} can be played."
        )
    if not 1 <= channels <= MAX_CHANNELS:
        raise InvalidFileFormat(
            f"The file of a <url> in msg has {channels} channels; one or two can be played."
        )


def _is_gsm(body: bytes) -> bool:
    firsts = body[: len(body) // _GSM_FRAME_BYTES * _GSM_FRAME_BYTES : _GSM_FRAME_BYTES]
    return bool(firsts) and all(first >> 4 == _GSM_SIGNATURE for first in firsts)
