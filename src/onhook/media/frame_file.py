"""Where frames lie that can be played: in a file, because another process than this may play them.

What is kept has a file on disk (`prompt.py`). All else has one in memory, which is sealed: nobody can change
it or cut it short any more, whoever has a descriptor of it.
"""

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from onhook.media._plane import ffi, lib
from onhook.media.g711 import FRAME_BYTES, Codec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pcm: TypeAlias = "NDArray[np.int16] | memoryview | array[int]"
"""Samples of 16 bits, one after another: whatever has a buffer of them."""

LAWS: Final = (Codec.PCMU, Codec.PCMA)
"""In which order a file has them: all frames in one, then the same in the other."""


class FrameFile:
    """An open file of G.711 frames: all of them in mu-law, and behind them the same in A-law.

    It has its descriptor for as long as it lives. Other threads may drop it.
    """

    __slots__ = ("__weakref__", "descriptor", "frame_count")

    descriptor: Final[int]
    """For reading; its owner closes it."""
    frame_count: Final[int]
    """How many frames of 20 ms; at least one."""

    def __init__(self, descriptor: int, frame_count: int) -> None:
        self.descriptor = descriptor
        self.frame_count = frame_count

    @classmethod
    def of(cls, mu_law: bytes, a_law: bytes) -> "FrameFile":
        """A file in memory with these frames. Raises `ValueError` for what is not made of whole ones, at
        least one, and `OSError` when the system refuses."""
        if not mu_law or len(mu_law) % FRAME_BYTES or len(mu_law) != len(a_law):
            raise ValueError("a prompt is made of whole frames, at least one")
        count = len(mu_law) // FRAME_BYTES
        buffers = [ffi.from_buffer("uint8_t[]", frames) for frames in (mu_law, a_law)]
        descriptor = lib.plane_make_file(*buffers, count)
        if descriptor < 0:
            raise OSError(-descriptor, os.strerror(-descriptor))
        return cls(descriptor, count)

    def read(self, codec: Codec, first: int = 0, count: int | None = None) -> memoryview:
        """So many frames in one law, from this one on; read-only bytes. They are fewer if the file was cut
        short behind our back. Raises `OSError`."""
        count = self.frame_count - first if count is None else count
        at = LAWS.index(codec) * self.frame_count + first
        return memoryview(os.pread(self.descriptor, count * FRAME_BYTES, at * FRAME_BYTES))

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.descriptor)


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the frames of a file, as they are (`play_queue.Playable`)."""

    file: FrameFile
    first: int
    frame_count: int


def coded(pcm: Pcm) -> tuple[bytes, bytes]:
    """Mono samples at 8,000 Hz as whole frames in both laws; the last one is filled up with silence.

    Raises `ValueError` for no samples, or more than one channel, and `TypeError` for what is not int16.
    """
    samples = memoryview(cast("memoryview", pcm))  # mypy knows of no buffer in an array
    if samples.format != "h":
        raise TypeError(f"samples are int16, not of the format {samples.format}")
    if samples.ndim != 1 or not len(samples):
        raise ValueError("a prompt is made of one channel with at least one sample")
    if not samples.c_contiguous:
        samples = memoryview(samples.tobytes()).cast("h")
    mu_law, a_law = (_coded(samples, codec) for codec in LAWS)
    return mu_law, a_law


def _coded(samples: memoryview, codec: Codec) -> bytes:
    """By the plane's own tables: numpy, which has others, is not loaded for it."""
    size = -(-len(samples) // FRAME_BYTES) * FRAME_BYTES
    found = bytearray([codec.silence]) * size
    count = len(samples)
    lib.plane_encode(ffi.from_buffer("int16_t[]", samples), count, codec, ffi.from_buffer(found))
    return bytes(found)


def decoded(frames: bytes, codec: Codec) -> "array[int]":
    """Their samples, of 16 bits."""
    samples = array("h", bytes(2 * len(frames)))
    lib.plane_decode(
        ffi.from_buffer("uint8_t[]", frames),
        len(frames),
        codec,
        ffi.from_buffer("int16_t[]", samples),
    )
    return samples
