"""What plays on one stream, in its order: messages, loops and digits that are sent."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from onhook.media._plane import ffi, lib
from onhook.media.errors import QueueFull
from onhook.media.g711 import FRAME_BYTES, Codec

_DIGITS_AT_ONCE = lib.PLANE_MAX_DIGITS
_PROMPT = ffi.new("uint64_t *")  # where the plane writes a handle, which is read at once
_DIGITS = re.compile(r"[0-9*#A-D,]+", re.ASCII)

Ask = Callable[..., None]
"""Gives the plane a command: a function of `native/plane.h`, and what it takes after the plane."""
OnPlayed = Callable[[float], None]
"""Hears when the last frame left, in the time of `time.monotonic()`; it lasts 20 ms longer."""
OnStopped = Callable[[], None]
"""Hears that a message was cut off, or never began."""


class Playable(Protocol):
    """What a stream can play, such as a `Prompt`."""

    def frames(self, codec: Codec) -> memoryview:
        """Whole 20 ms frames, at least one; the memory does not change."""


def nobody_waits(_sent_s: float) -> None:
    """For a message whose end nobody waits for."""


class _Message:
    """Prompts that are being played, and so must stay in memory."""

    __slots__ = ("cut", "frames", "on_played", "on_stopped", "waiting")

    def __init__(
        self,
        frames: list[tuple[Any, ...]],
        on_played: OnPlayed,
        on_stopped: OnStopped | None,
    ) -> None:
        self.frames = frames  # cffi buffers; each keeps its prompt's memory alive
        self.on_played = on_played
        self.on_stopped = on_stopped
        self.waiting = 0  # segments that the plane has not reported
        self.cut = False


class PlayQueue:
    """The messages of the stream `handle`. What each method means and raises, `Stream` says."""

    def __init__(self, ask: Ask, handle: int) -> None:
        self._ask = ask
        self._handle = handle
        self._messages: dict[int, _Message] = {}
        self._last_play_id = 0
        self._queued = 0

    @property
    def is_playing(self) -> bool:
        """Whether a message is playing or waiting, as far as it has been told."""
        return bool(self._messages)

    def play(
        self, prompts: Sequence[Playable], on_played: OnPlayed, on_stopped: OnStopped | None
    ) -> None:
        """Plays prompts once."""
        frames = [_frames(prompt) for prompt in prompts]
        self._add(_Message(frames, on_played, on_stopped), self._ask_to_play)

    def loop(self, prompts: Sequence[Playable], on_stopped: OnStopped | None) -> None:
        """Plays prompts until they are cut."""
        frames = [_frames(prompt) for prompt in prompts]
        self._add(_Message(frames, nobody_waits, on_stopped), self._ask_to_loop)

    def send_digits(self, digits: str, on_sent: OnPlayed, on_stopped: OnStopped | None) -> None:
        """Sends keys."""
        if not _DIGITS.fullmatch(digits):
            raise ValueError("digits to send are 0-9, *, #, A-D, and a comma for a pause")
        keys = digits.encode("ascii")
        parts = [keys[at : at + _DIGITS_AT_ONCE] for at in range(0, len(keys), _DIGITS_AT_ONCE)]
        buffers = [(ffi.from_buffer("uint8_t[]", part),) for part in parts]
        self._add(_Message(buffers, on_sent, on_stopped), self._ask_to_send)

    def on_segment(self, play_id: int, sent_s: float, *, cut: bool) -> None:
        """The plane is through with a piece of a message."""
        message = self._messages[play_id]
        message.waiting -= 1
        message.cut |= cut
        self._queued -= 1
        if message.waiting:
            return
        del self._messages[play_id]
        if not message.cut:
            message.on_played(sent_s)
        elif message.on_stopped is not None:
            message.on_stopped()

    def abandon(self) -> None:
        """The plane is gone; nobody is told."""
        self._messages.clear()

    def _add(self, message: _Message, ask: Callable[[tuple[Any, ...], bool], None]) -> None:
        """Hand the plane a message piece by piece; `ask` is told which one is the last."""
        if not message.frames:
            raise ValueError("nothing to play")
        if self._queued + len(message.frames) > lib.PLANE_MAX_SEGMENTS:
            raise QueueFull(f"more than {lib.PLANE_MAX_SEGMENTS} prompts would be waiting")
        self._last_play_id += 1
        self._messages[self._last_play_id] = message
        try:
            for number, piece in enumerate(message.frames, start=1):
                ask(piece, number == len(message.frames))
                message.waiting += 1
                self._queued += 1
        finally:
            if not message.waiting:
                del self._messages[self._last_play_id]

    def _ask_to_play(self, frames: tuple[Any, ...], _last: bool) -> None:
        self._ask_prompt(lib.plane_play, frames)

    def _ask_to_loop(self, frames: tuple[Any, ...], last: bool) -> None:
        self._ask_prompt(lib.plane_loop, frames, last)

    def _ask_to_send(self, keys: tuple[Any, ...], _last: bool) -> None:
        self._ask(lib.plane_send_digits, self._handle, self._last_play_id, *keys, len(keys[0]))

    def _ask_prompt(self, command: Any, frames: tuple[Any, ...], *last: bool) -> None:
        """The plane knows the frames for as long as something plays them."""
        count = len(frames[0]) // FRAME_BYTES
        self._ask(lib.plane_add_prompt, *frames, count, _PROMPT)
        prompt = _PROMPT[0]
        try:
            self._ask(command, self._handle, self._last_play_id, prompt, 0, count, *last)
        finally:
            self._ask(lib.plane_drop_prompt, prompt)


def _frames(prompt: Playable) -> tuple[Any, ...]:
    """In both laws, mu-law first: the peer may change its codec while it plays."""
    laws = [prompt.frames(codec) for codec in (Codec.PCMU, Codec.PCMA)]
    if not laws[0].nbytes or laws[0].nbytes % FRAME_BYTES or laws[0].nbytes != laws[1].nbytes:
        raise ValueError("a prompt is made of whole frames, at least one")
    return tuple(ffi.from_buffer("uint8_t[]", frames) for frames in laws)
