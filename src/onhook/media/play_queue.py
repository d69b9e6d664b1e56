"""What plays on one stream, in its order: messages, loops and digits that are sent."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from onhook.media._plane import ffi, lib
from onhook.media.errors import QueueFull
from onhook.media.frame_file import FrameFile
from onhook.media.known_files import KnownFiles

_DIGITS_AT_ONCE = lib.PLANE_MAX_DIGITS
_DIGITS = re.compile(r"[0-9*#A-D,]+", re.ASCII)

Ask = Callable[..., int]
"""Gives the plane a command: a function of `native/plane.h`, and what it takes after the plane. Returns what
that does, and raises what its errors stand for."""
OnPlayed = Callable[[float], None]
"""Hears when the last frame left, in the time of `time.monotonic()`; it lasts 20 ms longer. Where packets
have more than a frame, that may be up to 40 ms from now."""
OnStopped = Callable[[], None]
"""Hears that a message was cut off, or never began."""
_Piece = tuple[Any, ...]  # of a message, as the plane is told


class Playable(Protocol):
    """What a stream can play, such as a `Prompt`: some of the frames of a file."""

    @property
    def file(self) -> FrameFile:
        """Where they stand."""

    @property
    def first(self) -> int:
        """The number of the first of them in the file."""

    @property
    def frame_count(self) -> int:
        """How many they are, of 20 ms each; at least one."""


def nobody_waits(_sent_s: float) -> None:
    """For a message whose end nobody waits for."""


class _Message:
    """What is told when its last piece was played."""

    __slots__ = ("cut", "on_played", "on_stopped", "waiting")

    def __init__(self, on_played: OnPlayed, on_stopped: OnStopped | None) -> None:
        self.on_played = on_played
        self.on_stopped = on_stopped
        self.waiting = 0  # segments that the plane has not reported
        self.cut = False


class PlayQueue:
    """The messages of the stream `handle`. What each method means and raises, `Stream` says."""

    def __init__(self, ask: Ask, handle: int, files: KnownFiles) -> None:
        self._ask = ask
        self._handle = handle
        self._files = files
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
        pieces = [self._piece(prompt) for prompt in prompts]
        self._add(_Message(on_played, on_stopped), pieces, self._ask_to_play)

    def loop(self, prompts: Sequence[Playable], on_stopped: OnStopped | None) -> None:
        """Plays prompts until they are cut."""
        pieces = [self._piece(prompt) for prompt in prompts]
        self._add(_Message(nobody_waits, on_stopped), pieces, self._ask_to_loop)

    def send_digits(self, digits: str, on_sent: OnPlayed, on_stopped: OnStopped | None) -> None:
        """Sends keys."""
        if not _DIGITS.fullmatch(digits):
            raise ValueError("digits to send are 0-9, *, #, A-D, and a comma for a pause")
        keys = digits.encode("ascii")
        parts = [keys[at : at + _DIGITS_AT_ONCE] for at in range(0, len(keys), _DIGITS_AT_ONCE)]
        pieces = [(ffi.from_buffer("uint8_t[]", part), len(part)) for part in parts]
        self._add(_Message(on_sent, on_stopped), pieces, self._ask_to_send)

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

    def _add(
        self,
        message: _Message,
        pieces: Sequence[_Piece],
        ask: Callable[[_Piece, bool], object],
    ) -> None:
        """Hand the plane a message piece by piece; `ask` is told which one is the last."""
        if not pieces:
            raise ValueError("nothing to play")
        if self._queued + len(pieces) > lib.PLANE_MAX_SEGMENTS:
            raise QueueFull(f"more than {lib.PLANE_MAX_SEGMENTS} prompts would be waiting")
        self._last_play_id += 1
        self._messages[self._last_play_id] = message
        try:
            for number, piece in enumerate(pieces, start=1):
                ask(piece, number == len(pieces))
                message.waiting += 1
                self._queued += 1
        finally:
            if not message.waiting:
                del self._messages[self._last_play_id]

    def _ask_to_play(self, frames: _Piece, _last: bool) -> None:
        self._ask(lib.plane_play, self._handle, self._last_play_id, *frames)

    def _ask_to_loop(self, frames: _Piece, last: bool) -> None:
        self._ask(lib.plane_loop, self._handle, self._last_play_id, *frames, last)

    def _ask_to_send(self, keys: _Piece, _last: bool) -> None:
        self._ask(lib.plane_send_digits, self._handle, self._last_play_id, *keys)

    def _piece(self, prompt: Playable) -> _Piece:
        """Where its frames are, as the plane knows it. The file stays mapped until they were played."""
        first, count = prompt.first, prompt.frame_count
        if first < 0 or count < 1 or first + count > prompt.file.frame_count:
            raise ValueError("a prompt is some of the frames of its file, at least one")
        return self._files.handle_of(prompt.file), first, count
