"""The edges of a message: what begins or ends with a step is heard as a click.

Speech is made without one. A recording may be cut anywhere; where it joins another recording it is left
as it is, because the two may have been one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from onhook.media.g711 import FRAME_BYTES, Codec, decode, encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from onhook.media.play_queue import Playable

FADE_SAMPLES: Final = 16
"""2 ms: too little for a sound to be missed, enough for a step not to be heard."""

NEAR_ZERO: Final = 500
"""Steps to or from a smaller sample, of 16 bits, are left alone."""


def without_clicks(prompts: "Sequence[Playable]", *, more: bool = False) -> "Sequence[Playable]":
    """These prompts, but for a fade where the first begins, and where the last ends, with a step.

    ``more`` says that they are the beginning of a message only.
    """
    if not prompts:
        return prompts
    begins, ends = _is_step(prompts[0], 0), not more and _is_step(prompts[-1], -1)
    if len(prompts) == 1:
        return _faded(prompts[0], begins=begins, ends=ends)
    first = _faded(prompts[0], begins=begins, ends=False)
    last = _faded(prompts[-1], begins=False, ends=ends)
    return [*first, *prompts[1:-1], *last]


def _is_step(prompt: "Playable", at: int) -> bool:
    """Without numpy, which the event loop would have to import for the first message of all."""
    code = ~prompt.frames(Codec.PCMU)[at]
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84  # ITU-T G.711, mu-law
    return magnitude > NEAR_ZERO


def _faded(prompt: "Playable", *, begins: bool, ends: bool) -> "list[Playable]":
    """The frames in which nothing changes are not copied: a recording may last an hour."""
    frames = len(prompt.frames(Codec.PCMU)) // FRAME_BYTES
    if not begins and not ends:
        return [prompt]
    if frames == 1:
        return [_Frame(prompt, 0, begins=begins, ends=ends)]
    first, last = (1 if begins else 0), (frames - 1 if ends else frames)
    parts: list[Playable] = [_Frame(prompt, 0, begins=True, ends=False)] if begins else []
    if first < last:
        parts.append(_Middle(prompt, first, last))
    if ends:
        parts.append(_Frame(prompt, frames - 1, begins=False, ends=True))
    return parts


class _Middle:
    """Some frames of a prompt, as they are."""

    def __init__(self, prompt: "Playable", first: int, last: int) -> None:
        self._prompt = prompt
        self._bytes = slice(first * FRAME_BYTES, last * FRAME_BYTES)

    def frames(self, codec: Codec) -> memoryview:
        return self._prompt.frames(codec)[self._bytes]


class _Frame:
    """One frame of a prompt, rising from silence, or falling to it, or both."""

    def __init__(self, prompt: "Playable", number: int, *, begins: bool, ends: bool) -> None:
        self._of = _Middle(prompt, number, number + 1)
        self._begins = begins
        self._ends = ends

    def frames(self, codec: Codec) -> memoryview:
        import numpy as np

        pcm = decode(np.frombuffer(self._of.frames(codec), np.uint8), codec).astype(np.float32)
        ramp = np.arange(FADE_SAMPLES, dtype=np.float32) / FADE_SAMPLES
        if self._begins:
            pcm[:FADE_SAMPLES] *= ramp
        if self._ends:
            pcm[-FADE_SAMPLES:] *= ramp[::-1]
        faded: NDArray[np.int16] = np.rint(pcm).astype(np.int16)
        return memoryview(encode(faded, codec).tobytes())
