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
OnLost = Callable[[int, int], None]
"""Hears that a message is lost with the plane: which one that was in, and how many frames or keys of that had
been played."""
_Piece = tuple[
    Any, int, int
]  # of a message: a file or keys, and where in it, from which one on and how many
_How = Any  # the function of the plane by which it is asked for


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

    __slots__ = (
        "adopted",
        "cut",
        "how",
        "on_lost",
        "on_played",
        "on_stopped",
        "pieces",
        "skipped",
        "stopped",
        "waiting",
    )

    def __init__(
        self,
        how: "_How | None",
        pieces: "Sequence[_Piece]",
        on_played: OnPlayed,
        on_stopped: OnStopped | None,
    ) -> None:
        self.how = how
        self.pieces = pieces
        self.on_played = on_played
        self.on_stopped = on_stopped
        self.adopted = how is None  # what it is made of is not known
        self.on_lost: OnLost | None = None
        self.skipped = 0  # of its frames, or keys
        self.waiting = 0  # segments that the plane has not reported
        self.cut = False
        self.stopped = False  # the plane was asked to cut it off

    def skip(self, done: int) -> None:
        """So many more frames, or keys, of it were played: what is asked for is the rest."""
        before = self.frames
        self.pieces = _rest_of(self.pieces, done)
        self.skipped += before - self.frames

    @property
    def frames(self) -> int:
        """How many frames, or keys, are asked for."""
        return sum(count for _, _, count in self.pieces)

    def is_over(self, *, last: bool) -> bool:
        """Whether nothing is left of it, now that a segment was reported that was its last or not."""
        self.waiting -= 1
        return last if self.adopted else not self.waiting


def _tell_stopped(message: _Message) -> None:
    if message.on_stopped is not None:
        message.on_stopped()


class PlayQueue:
    """The messages of the stream `handle`. What each method means and raises, `Stream` says.

    Of one that was adopted, `last_play_id` is the highest number so far, and `queued` how many segments wait.
    """

    def __init__(
        self, ask: Ask, handle: int, files: KnownFiles, *, last_play_id: int = 0, queued: int = 0
    ) -> None:
        self._ask = ask
        self._handle = handle
        self._files = files
        self._messages: dict[int, _Message] = {}
        self._paused = False
        self._last_play_id = last_play_id
        self._queued = queued

    @property
    def is_playing(self) -> bool:
        """Whether a message is playing or waiting, as far as it has been told."""
        return bool(self._messages)

    @property
    def newest(self) -> int:
        """The number of the message that was asked for last; 0 for none."""
        return self._last_play_id

    def play(
        self,
        prompts: Sequence[Playable],
        on_played: OnPlayed,
        on_stopped: OnStopped | None,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Plays prompts once; returns the number of the message."""
        message = _Message(lib.plane_play, _pieces(prompts), on_played, on_stopped)
        return self._add(message, done, tag)

    def loop(
        self,
        prompts: Sequence[Playable],
        on_stopped: OnStopped | None,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Plays prompts until they are cut; returns the number of the message."""
        message = _Message(lib.plane_loop, _pieces(prompts), nobody_waits, on_stopped)
        return self._add(message, done, tag)

    def send_digits(
        self,
        digits: str,
        on_sent: OnPlayed,
        on_stopped: OnStopped | None,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Sends keys; returns the number of the message."""
        if not _DIGITS.fullmatch(digits):
            raise ValueError("digits to send are 0-9, *, #, A-D, and a comma for a pause")
        keys = digits.encode("ascii")
        starts = range(0, len(keys), _DIGITS_AT_ONCE)
        pieces = [(keys, at, min(_DIGITS_AT_ONCE, len(keys) - at)) for at in starts]
        return self._add(_Message(lib.plane_send_digits, pieces, on_sent, on_stopped), done, tag)

    def skipped(self, play_id: int) -> int:
        """How many frames or keys of a message are not asked of this plane, as they were played before."""
        message = self._messages.get(play_id)
        return message.skipped if message is not None else 0

    def adopt(
        self,
        play_id: int,
        on_played: OnPlayed,
        on_stopped: OnStopped | None,
        on_lost: OnLost | None,
        skipped: int = 0,
    ) -> None:
        """A message that an earlier switch has queued: who hears of its end."""
        message = self._messages[play_id] = _Message(None, (), on_played, on_stopped)
        message.on_lost, message.skipped = on_lost, skipped

    def on_segment(self, play_id: int, sent_s: float, *, cut: bool, last: bool) -> None:
        """The plane is through with a piece of a message; of one that nobody adopted it is nothing."""
        self._queued = max(0, self._queued - 1)
        message = self._messages.get(play_id)
        if message is None:
            return
        message.cut |= cut
        if not message.is_over(last=last):
            return
        del self._messages[play_id]
        if message.cut:
            _tell_stopped(message)
        else:
            message.on_played(sent_s)

    def abandon(self) -> None:
        """The plane is gone; nobody is told."""
        self._messages.clear()

    def stop(self) -> None:
        """The plane is asked to cut off all that there is: should it die before it says that it did, the next
        one is not asked for any of it."""
        for message in self._messages.values():
            message.stopped = True

    def let_go_of_stopped(self) -> None:
        """There is no plane that would say that it cut them off; whoever waits is told."""
        for number, message in tuple(self._messages.items()):
            if message.stopped:
                del self._messages[number]
                _tell_stopped(message)

    def cut(self) -> None:
        """Nothing of it plays any more, as there is no plane; whoever waits is told."""
        messages, self._messages, self._queued = self._messages, {}, 0
        for message in messages.values():
            _tell_stopped(message)

    @property
    def paused(self) -> bool:
        """Whether there is no plane for it, and there will be."""
        return self._paused

    def pause(self) -> None:
        """The plane is dead: what is asked from now on waits for the next one."""
        self._paused, self._queued = True, 0

    def reopened(self, handle: int) -> None:
        """The next plane has the stream, under this handle."""
        self._handle, self._paused = handle, False

    def play_on(self, play_id: int, progress: int, now_s: float) -> None:
        """Asks the next plane for all that was not played: the dead one was so far (`plane_progress`) in this
        message. What it had played before, and did not tell, was played by `now_s`."""
        messages, self._messages = self._messages, {}
        if play_id == _NOBODYS:
            loops = (each for each, message in messages.items() if message.how == lib.plane_loop)
            play_id, progress = next(loops, 0), 0
        for number, message in messages.items():
            if message.stopped:
                _tell_stopped(message)
                continue
            if message.how is None and message.on_lost is not None and number >= play_id:
                message.on_lost(play_id, progress)
                continue
            if message.how is None or (number < play_id and message.how != lib.plane_loop):
                message.on_played(now_s)
                continue
            self._messages[number] = message
            done = progress if number == play_id else 0
            if message.how == lib.plane_loop:
                self._loop_on(number, message, done)
            else:
                message.skip(done)
                self._ask_for(number, message)

    def _loop_on(self, number: int, message: _Message, done: int) -> None:
        """The rest of this time round, which nobody hears of, and then all of it, for ever."""
        done %= message.frames
        rest = _rest_of(message.pieces, done)
        for place, piece in enumerate(rest, start=1):
            if done:
                self._ask_to(lib.plane_play, _NOBODYS, piece, last=place == len(rest))
        self._ask_for(number, message)

    def _add(self, message: _Message, done: int, tag: int) -> int:
        """Hand the plane a message piece by piece, without what is done of it."""
        if not message.pieces:
            raise ValueError("nothing to play")
        if self._queued + len(message.pieces) > lib.PLANE_MAX_SEGMENTS:
            raise QueueFull(f"more than {lib.PLANE_MAX_SEGMENTS} prompts would be waiting")
        self._last_play_id = number_after(self._last_play_id, tag)
        self._messages[self._last_play_id] = message
        loops = message.how == lib.plane_loop
        if done and not loops:
            message.skip(done)
        if self._paused:
            message.waiting = len(message.pieces)
        elif done and loops:
            self._loop_on(self._last_play_id, message, done)
        else:
            self._ask_for(self._last_play_id, message)
        return self._last_play_id

    def _ask_for(self, play_id: int, message: _Message) -> None:
        message.waiting = 0
        try:
            for number, piece in enumerate(message.pieces, start=1):
                self._ask_to(message.how, play_id, piece, last=number == len(message.pieces))
                message.waiting += 1
                self._queued += 1
        finally:
            if not message.waiting:
                del self._messages[play_id]

    def _ask_to(self, how: _How, play_id: int, piece: _Piece, *, last: bool) -> None:
        of, first, count = piece
        if how == lib.plane_send_digits:
            keys = ffi.from_buffer("uint8_t[]", of[first : first + count])
            self._ask(how, self._handle, play_id, keys, count, last)
        else:
            self._ask(how, self._handle, play_id, self._files.handle_of(of), first, count, last)


_NOBODYS = 2**63
"""A number that no message has."""
_TAG_BITS = 32


def tag_of(play_id: int) -> int:
    """What the message with this number was called by whoever asked for it (`Stream.play()`)."""
    return play_id & (1 << _TAG_BITS) - 1


def number_after(newest: int, tag: int = 0) -> int:
    """The number of the message that follows this one in its stream: a higher one, which says its tag."""
    return (newest >> _TAG_BITS) + 1 << _TAG_BITS | tag if tag else newest + 1


def _pieces(prompts: Sequence[Playable]) -> Sequence[_Piece]:
    """Where their frames are. The files stay mapped until they were played."""
    pieces = []
    for prompt in prompts:
        first, count = prompt.first, prompt.frame_count
        if first < 0 or count < 1 or first + count > prompt.file.frame_count:
            raise ValueError("a prompt is some of the frames of its file, at least one")
        pieces.append((prompt.file, first, count))
    return pieces


def _rest_of(pieces: Sequence[_Piece], done: int) -> Sequence[_Piece]:
    """Without so many of their frames or keys; of the last one there is always something left to be played,
    so that its end is told."""
    rest = []
    for number, (of, first, count) in enumerate(pieces, start=1):
        skipped = min(done, count if number < len(pieces) else count - 1)
        done -= skipped
        if skipped < count:
            rest.append((of, first + skipped, count - skipped))
    return rest
