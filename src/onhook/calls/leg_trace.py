"""What is heard in a leg of a call, said for its trace: what plays, and how much of it was sent."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, Protocol

from onhook.calls import clock
from onhook.media.g711 import FRAME_MS
from onhook.media.play_queue import Playable
from onhook.media.stream import Stream
from onhook.message import Message, Part, Say

_TEXT_CHARS: Final = 300
"""Of each text that is said, where texts are kept."""
FIRST, OTHER = "", "other"
"""The legs of a call: its own phone's, and that of whom it is transferred to."""


class Tracer(Protocol):
    """Keeps what is said (calls.traces.Recorder)."""

    @property
    def private(self) -> bool:
        """Whether texts and keys are kept, too."""

    def noted(self, session: str, kind: str, said: str | Callable[[], str]) -> None:
        """Something of a call; what can be called is asked for its text when that is written."""

    def watch(self, session: str, leg: str, stream: Stream) -> None:
        """From now on its figures are kept."""

    def leave(self, stream: Stream) -> None:
        """It is over."""


class LegTrace:
    """That of one leg; without a tracer nothing is kept. What plays is told in the order begin, end."""

    __slots__ = ("_begun_s", "_leg", "_session", "_tracer")

    def __init__(self, tracer: Tracer | None = None, session: str = "", leg: str = FIRST) -> None:
        self._tracer = tracer
        self._session = session
        self._leg = leg
        self._begun_s: float | None = None
        """When that began to play of which the end was not told yet; None for nothing."""

    def opened(self, stream: Stream | None) -> None:
        """It has a stream."""
        if self._tracer is not None and stream is not None:
            self._tracer.watch(self._session, self._leg, stream)

    def closed(self, stream: Stream) -> None:
        """Its stream is over, and is asked for its figures for the last time."""
        if self._tracer is not None:
            self._tracer.leave(stream)

    def plays(self, what: str, prompts: Iterable[Playable] = (), *, more: bool = False) -> None:
        """This begins; there is ``more`` of it than these prompts, which is not made yet."""
        if self._tracer is not None:
            self._begun_s = clock.now_s()
            said = partial(_plays, what, seconds_of(prompts), more)
            self._tracer.noted(self._session, "played", said)

    def plays_message(
        self, message: Message, prompts: Sequence[Playable], *, more: bool, repeated: bool
    ) -> None:
        """The same of a message, perhaps again and again; empty where nobody knows any more what it is made
        of."""
        if self._tracer is not None:
            self._begun_s = clock.now_s()
            private, length_s = self._tracer.private, seconds_of(prompts)
            said = partial(_plays_message, message, private, repeated, length_s, more)
            self._tracer.noted(self._session, "played", said() if private else said)

    def sends(self, digits: str) -> None:
        """Keys."""
        if self._tracer is not None:
            shown = digits if self._tracer.private else "•" * len(digits)
            self.plays(f"the keys {shown}")

    def resumes(self) -> None:
        """What an earlier process had begun goes on; how much was sent is not known here."""
        self._begun_s = 0.0

    def through(self, prompts: Iterable[Playable] = ()) -> None:
        """It was heard to its end; ``prompts`` are all of it."""
        if self._tracer is not None and self._begun_s is not None:
            self._over(partial(_heard, seconds_of(prompts) if self._begun_s else 0.0))

    def cut(self, prompts: Iterable[Playable] = ()) -> None:
        """It was cut off; ``prompts`` are what there was of it, none if it would never have ended."""
        if self._tracer is None or self._begun_s is None:
            return
        if not self._begun_s:
            self._over("cut off")
            return
        self._over(partial(_cut, clock.now_s() - self._begun_s, seconds_of(prompts)))

    def _over(self, said: str | Callable[[], str]) -> None:
        self._begun_s = None
        if self._tracer is not None:
            self._tracer.noted(self._session, "played", said)


def seconds_of(prompts: Iterable[Playable]) -> float:
    """How long they last."""
    frames = 0
    for prompt in prompts:
        frames += prompt.frame_count
    return frames * FRAME_MS / 1000


def _plays(what: str, length_s: float, more: bool) -> str:
    least = "at least " if more else ""
    lasts = f", {least}{length_s:.1f} s" if length_s else ""
    return f"plays {what}{lasts}"


def _plays_message(
    message: Message, private: bool, repeated: bool, length_s: float, more: bool
) -> str:
    what = ", ".join(_part_of(part, private=private) for part in message) or "a message"
    return _plays(f"{what} again and again" if repeated else what, length_s, more)


def _heard(length_s: float) -> str:
    whole = f" ({length_s:.1f} s)" if length_s else ""
    return f"heard to its end{whole}"


def _cut(passed_s: float, length_s: float) -> str:
    heard = f"{min(passed_s, length_s):.1f} s of {length_s:.1f}" if length_s else f"{passed_s:.1f}"
    return f"cut off after {heard} s"


def _part_of(part: Part, *, private: bool) -> str:
    """A part of a message; what it says, or where it is from, only where that may be kept."""
    if isinstance(part, Say):
        what, says = f"speech ({part.language}, {part.gender.value})", part.text
    else:
        what, says = "a file", part.url
    return f'{what} "{says[:_TEXT_CHARS]}"' if private else what
