"""Recordings as broken writers, carriers and templates leave them, each made of a good one."""

import io
import struct
from pathlib import Path

import numpy as np
import soundfile

from onhook.speech.voices import Samples

FILES = Path(__file__).with_name("files")
"""Written by other people's programs: what they put into headers cannot be made here."""

UNKNOWN = 0xFFFFFFFF


def tone(hz: float, rate_hz: int, seconds: float = 1.0) -> Samples:
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def written(samples: Samples, rate_hz: int, codec: str = "PCM_16", form: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=form, subtype=codec)
    return file.getvalue()


def mp3(samples: Samples, rate_hz: int, **how: object) -> bytes:
    """With the header of its encoder (LAME), which tells the number of frames and the silence added."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="MP3", subtype="MPEG_LAYER_III", **how)
    return file.getvalue()


def without_header(file: bytes) -> bytes:
    """An mp3 less the frame in which the encoder tells about the others."""
    return file[first_frame_bytes(file) :]


def first_frame_bytes(file: bytes) -> int:
    """How long the first frame is: to where the same header begins once more."""
    return file.index(file[:2], 4)


def with_count(file: bytes, frames: int) -> bytes:
    """An mp3 whose encoder's header tells another number of frames."""
    at = max(file.find(name, 0, 100) for name in (b"Xing", b"Info")) + 8
    return file[:at] + frames.to_bytes(4, "big") + file[at + 4 :]


def id3(content: bytes) -> bytes:
    size = bytes(len(content) >> 7 * place & 0x7F for place in (3, 2, 1, 0))
    return b"ID3\x04\0\0" + size + content


def ape(content: bytes) -> bytes:
    """A tag with a header and a footer."""
    fields = struct.pack("<II", 2000, len(content) + 32), struct.pack("<I", 1)
    head = b"".join((b"APETAGEX", *fields, b"\0\0\0\xa0", bytes(8)))
    return head + content + head[:20] + b"\0\0\0\x80" + head[24:]


def chunks(wav: bytes) -> dict[bytes, tuple[int, int]]:
    """Where the content of each chunk is, and how long."""
    found, at = {}, 12
    while at + 8 <= len(wav):
        name, size = struct.unpack_from("<4sI", wav, at)
        found[name] = (at + 8, size)
        at += 8 + size + size % 2
    return found


def resized(wav: bytes, *, riff: int | None = None, data: int | None = None) -> bytes:
    """A wav with other sizes, which ends with its sound."""
    at, size = chunks(wav)[b"data"]
    whole = bytearray(wav[: at + size])
    if riff is not None:
        whole[4:8] = struct.pack("<I", riff)
    if data is not None:
        whole[at - 4 : at] = struct.pack("<I", data)
    return bytes(whole)


def rf64(wav: bytes, form: bytes = b"RF64", told: int | None = None) -> bytes:
    """A wav with sizes of 64 bits, which tell `told` bytes of sound."""
    at, size = chunks(wav)[b"data"]
    sizes = struct.pack("<QQQI", len(wav) + 28, size if told is None else told, 0, 0)
    ds64 = struct.pack("<4sI", b"ds64", len(sizes)) + sizes
    return form + b"\xff" * 4 + b"WAVE" + ds64 + wav[12 : at - 4] + b"\xff" * 4 + wav[at:]


def in_riff(file: bytes, rate_hz: int) -> bytes:
    """An mp3 within a wav, as sound editors write it."""
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, rate_hz, 8000, 1, 0, 12, 1, 2, 0, 1, 0)
    parts = struct.pack("<4sI", b"fmt ", len(form)), form, struct.pack("<4sI", b"data", len(file))
    body = b"".join((b"WAVE", *parts, file))
    return struct.pack("<4sI", b"RIFF", len(body)) + body
