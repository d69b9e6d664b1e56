"""Where frames lie that can be played: in a file, because another process than this may play them.

What is kept has a file on disk (`prompt.py`). All else has one in memory, which is sealed: nobody can change
it or cut it short any more, whoever has a descriptor of it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from onhook.media._plane import ffi, lib
from onhook.media.g711 import FRAME_BYTES, Codec, encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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


def coded(pcm: "NDArray[np.int16]") -> tuple[bytes, bytes]:
    """Mono samples at 8,000 Hz as whole frames in both laws; the last one is filled up with silence.

    Raises `ValueError` for no samples, or more than one channel, and `TypeError` for what is not int16.
    """
    if pcm.ndim != 1 or not len(pcm):
        raise ValueError("a prompt is made of one channel with at least one sample")
    padding = -len(pcm) % FRAME_BYTES
    mu_law, a_law = (
        encode(pcm, codec).tobytes() + bytes([codec.silence]) * padding for codec in LAWS
    )
    return mu_law, a_law
