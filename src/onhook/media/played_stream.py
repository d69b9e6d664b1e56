"""What plays on a stream, for whoever asks it to."""

import asyncio
from collections.abc import Sequence

from onhook.media._plane import lib
from onhook.media.errors import StreamClosed
from onhook.media.found import FoundStream
from onhook.media.known_files import KnownFiles
from onhook.media.play_queue import Ask, OnLost, OnPlayed, OnStopped, Playable, PlayQueue


class PlayedStream:
    """Messages, loops and digits of a stream (`stream.py`); `handle` is what the plane calls it."""

    def __init__(
        self, ask: Ask, handle: int, files: KnownFiles, found: FoundStream | None = None
    ) -> None:
        self._ask = ask
        self._handle = handle
        self._adopted = found is not None
        last_play = found.last_play if found else 0
        queued = found.queued if found else 0
        self._queue = PlayQueue(ask, handle, files, last_play_id=last_play, queued=queued)
        self._open = True

    @property
    def is_open(self) -> bool:
        """Whether anything can be asked of it."""
        return self._open

    @property
    def handle(self) -> int:
        """What the plane calls it, or called it; 0 as long as none ever had it."""
        return max(self._handle, 0)

    @property
    def playing(self) -> bool:
        """Whether a message is playing or waiting, as far as it has been told."""
        return self._queue.is_playing

    @property
    def newest_play(self) -> int:
        """The number of the message that was asked for last; 0 for none."""
        return self._queue.newest

    def play(
        self,
        prompts: Sequence[Playable],
        on_played: OnPlayed,
        on_stopped: OnStopped | None = None,
        *,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Play these prompts, one directly after another, when all before them has been played.

        Exactly one of the two is called, later: `on_played` when the last frame of the last prompt
        has left, `on_stopped` when `stop()` or `close()` came first. (Neither, when the whole plane
        is closed.) Of them `done` frames were played before, by a plane that is gone, and are left out, but
        for the last. Returns the number of the message, higher than all before it in its stream. `tag`, of
        32 bits, stands in it (`play_queue.tag_of()`), so that the next switch can tell what it is; without
        any they count up from 1. Raises `StreamClosed`, `QueueFull` (nothing is played), and `ValueError`
        when there is nothing to play or a prompt is not made of whole frames.
        """
        self._require_open()
        return self._queue.play(prompts, on_played, on_stopped, done, tag)

    def loop(
        self,
        prompts: Sequence[Playable],
        on_stopped: OnStopped | None = None,
        *,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Play these prompts again and again, without a gap, after what is playing or waiting.

        `stop()` or `close()` ends it, and then `on_stopped` is called; what was queued behind it
        would wait until then, and is cut off with it. The first time round, `done` frames are left out.
        Returns and raises what `play()` does.
        """
        self._require_open()
        return self._queue.loop(prompts, on_stopped, done, tag)

    def send_digits(
        self,
        digits: str,
        on_sent: OnPlayed,
        on_stopped: OnStopped | None = None,
        *,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Send `0123456789*#ABCD`, each 100 ms long with a pause of 60 ms; a comma is 1 s of pause.

        They go out as telephone-events (RFC 4733) where these were negotiated, else as tones, when
        all that was queued before has been played; what is queued next follows them. What `play()`
        says of its callbacks and of what is `done` holds for these, and it returns and raises the same.
        """
        self._require_open()
        return self._queue.send_digits(digits, on_sent, on_stopped, done, tag)

    def skipped(self, play_id: int) -> int:
        """How many frames or keys of a message the plane was not asked for, as they had been played."""
        return self._queue.skipped(play_id)

    def adopt_play(
        self,
        play_id: int,
        on_played: OnPlayed,
        on_stopped: OnStopped | None = None,
        *,
        on_lost: OnLost | None = None,
        skipped: int = 0,
    ) -> None:
        """A message, a loop or digits that an earlier switch had queued under this number: what `play()` says
        of its callbacks holds from now on. For streams that were adopted, before `MediaPlane.resume()`, and
        numbers up to `FoundStream.last_play`. Nobody knows here what it is made of: should the plane die
        before it ends, `on_lost` is called instead, once there is another, to have it played on; or else
        `on_played`. `skipped` is what `skipped()` said of it there. Raises `StreamClosed`."""
        self._require_open()
        self._queue.adopt(play_id, on_played, on_stopped, on_lost, skipped)

    def wait(self) -> None:
        """For the plane: there is none yet, and what is asked is for the next one."""
        self._queue.pause()

    def silence(self) -> None:
        """For the plane: nothing of it plays any more."""
        self._queue.cut()

    def play_on(self, play_id: int, progress: int, now_s: float) -> None:
        """For the plane: another one has the stream, and is asked for what the dead one had not played."""
        self._queue.play_on(play_id, progress, now_s)

    def stop(self) -> None:
        """Cut off all that is playing or waiting: no frame leaves from about 1 ms from now on.

        Does nothing when the stream is silent. Raises `StreamClosed`.
        """
        self._require_open()
        self._queue.stop()
        if self._queue.paused:
            asyncio.get_running_loop().call_soon(self._queue.let_go_of_stopped)
        elif self._queue.is_playing or self._adopted:  # what nobody here knows of may play
            self._ask(lib.plane_cut, self._handle)

    def _require_open(self) -> None:
        if not self._open:
            raise StreamClosed("the stream is closed")
