"""What the stream of a call plays and its record does not speak of: its switch died in the moment between.

Whoever had it played asks for it again: the application repeats its request, the phone its ACK, and the media
plane tells once more what came before it. By then it plays already, and plays on, so that the caller hears
nothing of all that. What nobody asks for again is cut off.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from onhook.media.play_queue import OnLost, OnPlayed, tag_of
from onhook.media.stream import Stream

Hold = Callable[[], Callable[[], None]]
"""Has the media plane tell what it tells now to the next switch as well, until what is returned is called and
all that was submitted by then is on disk."""

ASKED_AGAIN_S: Final = 5.0
"""Phones repeat their ACK within a second; so do applications that care for what got no answer, and on a busy
machine it takes some more until a new process has read that."""


class Unrecorded:
    """One message of a stream that was adopted, by its number; the stream tells nothing yet.

    ``is_asked`` says whether a request is being prepared, which may be the one for it. Its end is held
    (``hold``) until it is on disk what came of it: this process may die as well. ``given_up`` hears that
    nobody has asked.
    """

    def __init__(
        self,
        stream: Stream,
        number: int,
        is_asked: Callable[[], bool],
        hold: Hold,
        given_up: Callable[[], None],
    ) -> None:
        self.number = number
        self._stream = stream
        self._there = True
        self._ended_s: float | None = None
        self._hold, self._let_go = hold, _nothing
        self._on_given_up = given_up
        self._on_played: OnPlayed = self._note_end
        self._on_lost: OnLost = lambda play_id, progress: self._gone()
        stream.adopt_play(
            number,
            lambda at_s: self._on_played(at_s),
            self._note_stop,
            on_lost=lambda play_id, progress: self._on_lost(play_id, progress),
        )
        self._is_asked = is_asked
        self._loop = asyncio.get_running_loop()
        self._given_up = self._loop.call_later(ASKED_AGAIN_S, self._give_up)

    def is_called(self, tag: int) -> bool:
        """Whether it is what would be played under this tag."""
        return self._there and tag != 0 and tag_of(self.number) == tag

    def go_on(self, on_played: OnPlayed, on_lost: OnLost) -> None:
        """It was asked for; who hears of its end, or that the media plane died before that."""
        self._given_up.cancel()
        self._on_played, self._on_lost = on_played, on_lost
        if self._ended_s is not None:
            self._loop.call_soon(on_played, self._ended_s)
            self._loop.call_soon(self._let_go)

    def _give_up(self) -> None:
        if self._is_asked():
            self._given_up = self._loop.call_later(ASKED_AGAIN_S, self._give_up)
        else:
            self.cut()
            self._on_given_up()

    def cut(self) -> None:
        """Something else is to be heard, or nothing any more."""
        self.forget()
        if self._stream.is_open:
            self._stream.cut()

    def forget(self) -> None:
        """The stream is somebody else's affair."""
        self._given_up.cancel()
        self._gone()
        self._loop.call_soon(self._let_go)

    def _note_end(self, at_s: float) -> None:
        self._ended_s, self._let_go = at_s, self._hold()

    def _note_stop(self) -> None:
        if self._there and self._on_played == self._note_end:
            self._let_go = self._hold()
        self._gone()

    def _gone(self) -> None:
        self._there = False


def _nothing() -> None:
    """Nothing is held."""
