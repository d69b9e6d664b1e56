"""Recordings: what kind of file it is, and its sound as telephone audio.

A file is judged by its content; its name only has to agree. What is broken around the sound is mended
before anybody decodes it (`mpeg`, `riff`). libsndfile and libmpg123, which do, are asked for nothing
beyond the formats that the API names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from onhook.speech.downloads import mpeg, riff
from onhook.speech.downloads.kinds import FileKind
from onhook.speech.downloads.mixing import mixed, without_odd_end
from onhook.speech.errors import InvalidFileFormat, InvalidFileSize
from onhook.speech.narrowband import Narrowband, Pcm
from onhook.speech.voices import Samples

MAX_DURATION_S: Final = 60 * 60
"""Longest recording. Ten megabytes of mp3 can be hours."""

_ENOUGH_S: Final = (
    MAX_DURATION_S + 60
)  # a little more: that it is too long is for the decoder to say

MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 192_000
MAX_CHANNELS: Final = 2

_GSM_FRAME_BYTES: Final = 33
_MAX_GSM_BYTES: Final = MAX_DURATION_S * 50 * _GSM_FRAME_BYTES
_GSM_SIGNATURE: Final = 0xD  # the upper half of each frame's first byte
_BLANK: Final = b"\t\n\r \xef\xbb\xbf"  # what templates and editors put in front of everything


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: the streams that are heard after one another, each for a decoder of its own."""

    kind: FileKind
    streams: Sequence[bytes]
    ends_unknown: bool = False
    """Whether the last bytes may be no sound: see `riff`."""
    names: tuple[FileKind, ...] = ()
    """What it may be named beside `kind`."""


def content(body: bytes) -> Content | None:
    """What `body` is, by what stands in it; None for what is no recording."""
    if riff.begins(body) is not None:
        return _wave(body)
    plain = body.lstrip(_BLANK)
    if _is_gsm(plain):
        return Content(FileKind.GSM, [plain])
    return Content(FileKind.MP3, mpeg.streams(body, _ENOUGH_S)) if mpeg.has_frames(body) else None


def _wave(body: bytes) -> Content:
    wave = riff.read(body)
    if wave is None:
        return Content(FileKind.WAV, [body])  # its decoder says no
    if wave.codec == riff.MPEG_LAYER_III:
        return Content(FileKind.MP3, mpeg.streams(wave.sound, _ENOUGH_S), names=(FileKind.WAV,))
    mended = body if wave.is_plain else wave.plain()
    return Content(FileKind.WAV, [mended], wave.ends_unknown)


def decode(body: bytes, named: FileKind) -> Pcm:
    """The whole sound of a recording, resampled and mixed down, from its first sample to its last.

    `named` is what its name claims. Runs in a process of its own: see `decoding`.
    Raises `InvalidFileFormat`, or `InvalidFileSize` when it plays for more than `MAX_DURATION_S`.
    """
    found = content(body)
    if found is None:
        raise InvalidFileFormat(
            "The file of a <url> in msg is not a recording: its content is not mp3, wav or gsm."
        )
    if named not in (found.kind, *found.names):
        raise InvalidFileFormat(
            f"The file of a <url> in msg is named {named.value}, but its content is "
            f"{found.kind.value}."
        )
    if found.kind is FileKind.GSM and len(body) > _MAX_GSM_BYTES:
        raise _too_long()  # without the seconds that it takes to find out by decoding
    pcm = _decoded(found)
    if len(pcm) == 0:
        raise InvalidFileFormat("There is no sound in the file of a <url> in msg.")
    return pcm


def _decoded(found: Content) -> Pcm:
    import numpy as np

    from onhook.speech.downloads.decoder import (
        Decoder,  # here: libsndfile is loaded when first needed
    )

    left_s = float(MAX_DURATION_S)
    heard: list[Pcm] = []
    for stream in found.streams:
        with Decoder(stream, found.kind) as decoder:
            _check(decoder.rate_hz, decoder.channels)
            sound = mixed(decoder)
            if found.ends_unknown:
                sound = without_odd_end(sound, decoder.rate_hz)
            pcm, left_s = _convert(sound, decoder.rate_hz, left_s)
        heard.append(pcm)
    return heard[0] if len(heard) == 1 else np.concatenate(heard)


def _convert(sound: Iterator[Samples], rate_hz: int, left_s: float) -> tuple[Pcm, float]:
    """The sound for the telephone, and how many of the seconds are left."""
    narrowband = Narrowband(rate_hz)
    left = round(left_s * rate_hz)
    for samples in sound:
        left -= len(samples)
        if left < 0:
            raise _too_long()
        narrowband.feed(samples)
    return narrowband.finish(), left / rate_hz


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
