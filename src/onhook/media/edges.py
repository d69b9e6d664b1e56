"""The edges of a message: what begins or ends with a step is heard as a click.

Speech is made without one. A recording may be cut anywhere; where it joins another recording it is left
as it is, because the two may have been one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from onhook.media.frame_file import LAWS, FrameFile, Part, coded, decoded
from onhook.media.g711 import FRAME_BYTES, Codec

if TYPE_CHECKING:
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
    """It is remembered for as long as the file is open, since it is played again."""
    number = prompt.first + (0 if at == 0 else prompt.frame_count - 1)
    known = _steps.get(prompt.file)
    if known is None:
        known = _steps[prompt.file] = {}
    found = known.get((number, at))
    if found is None:
        found = known[number, at] = _is_step_of(prompt.file, number, at)
    return found


def _is_step_of(file: FrameFile, number: int, at: int) -> bool:
    """Without numpy, which the event loop would have to import for the first message of all."""
    frame = file.read(Codec.PCMU, number, 1)
    if len(frame) < FRAME_BYTES:  # cut short behind our back
        return False
    code = ~frame[at]
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84  # ITU-T G.711, mu-law
    return magnitude > NEAR_ZERO


def _faded(prompt: "Playable", *, begins: bool, ends: bool) -> "list[Playable]":
    """The frames in which nothing changes are not copied: a recording may last an hour."""
    if not begins and not ends:
        return [prompt]
    edges = _edges_of(prompt.file, prompt.first, prompt.frame_count)
    if prompt.frame_count == 1:
        return [Part(edges, _BOTH if begins and ends else _RISES if begins else _FALLS, 1)]
    first, count = prompt.first + begins, prompt.frame_count - begins - ends
    parts: list[Playable] = [Part(edges, _RISES, 1)] if begins else []
    if count:
        parts.append(Part(prompt.file, first, count))
    if ends:
        parts.append(Part(edges, _FALLS, 1))
    return parts


_RISES, _FALLS, _BOTH = range(3)  # the frames of edges
_edges: "WeakKeyDictionary[FrameFile, dict[tuple[int, int], FrameFile]]" = WeakKeyDictionary()
_steps: "WeakKeyDictionary[FrameFile, dict[tuple[int, int], bool]]" = WeakKeyDictionary()


def _edges_of(file: FrameFile, first: int, count: int) -> FrameFile:
    """The first frame rising from silence, the last falling to it, and the first doing both; kept for as long
    as the file is open, since it is played again."""
    known = _edges.setdefault(file, {})
    if (first, count) not in known:
        last = first + count - 1
        laws = (
            _fade(file, codec, first, begins=True)
            + _fade(file, codec, last, ends=True)
            + _fade(file, codec, first, begins=True, ends=True)
            for codec in LAWS
        )
        known[first, count] = FrameFile.of(*laws)
    return known[first, count]


def _fade(
    file: FrameFile, codec: Codec, number: int, *, begins: bool = False, ends: bool = False
) -> bytes:
    """One frame; silence, where the file was cut short behind our back."""
    frame = bytes(file.read(codec, number, 1)).ljust(FRAME_BYTES, bytes([codec.silence]))
    pcm = decoded(frame, codec)
    for place in range(FADE_SAMPLES):
        if begins:
            pcm[place] = round(pcm[place] * place / FADE_SAMPLES)
        if ends:
            pcm[-1 - place] = round(pcm[-1 - place] * place / FADE_SAMPLES)
    return coded(pcm)[LAWS.index(codec)]
