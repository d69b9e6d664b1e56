"""Looks at the streams of calls every five seconds, for their traces.

In five turns, one a second, each with a fifth of them, and a hundred at once: so thousands of calls never
hold the event loop up. A stream is looked at for the first time when it is five seconds old: shorter calls
cost nothing.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from onhook.media.errors import NotRunning, StreamClosed
from onhook.media.measured import Measured
from onhook.media.stream import Stream, measure

TURNS: Final = 5
"""Seconds between two looks at a stream."""
_AT_ONCE: Final = 100

Measure = Callable[[str, str, Measured], None]
"""Is told of a call's session and leg what its stream came to."""


class _Leg:
    """One that is looked at."""

    __slots__ = ("leg", "looks", "session", "turn")

    def __init__(self, session: str, leg: str, turn: dict[Stream, "_Leg"]) -> None:
        self.session, self.leg, self.turn = session, leg, turn
        self.looks = 0


class Sampler:
    """Has the streams of all calls of a process. Use it on one event loop."""

    def __init__(self, measured: Measure, measure: Callable[[Stream], Measured] = measure) -> None:
        self._measured = measured
        self._measure = measure
        self._turns: list[dict[Stream, _Leg]] = [{} for _ in range(TURNS)]
        self._next = 0
        self._legs: dict[Stream, _Leg] = {}

    def watch(self, session: str, leg: str, stream: Stream) -> None:
        """From now on it is looked at."""
        turn = self._turns[self._next]
        turn[stream] = self._legs[stream] = _Leg(session, leg, turn)

    def leave(self, stream: Stream) -> None:
        """It is about to be closed: what it came to since it was looked at last is told."""
        leg = self._legs.pop(stream, None)
        if leg is not None:
            del leg.turn[stream]
            if leg.looks > 1:
                self._look(stream, leg)

    async def turn(self) -> None:
        """The next fifth; called once a second."""
        due = list(self._turns[self._next].items())
        self._next = (self._next + 1) % TURNS
        for number, (stream, leg) in enumerate(due, 1):
            leg.looks += 1
            if leg.looks > 1 and self._legs.get(stream) is leg:
                self._look(stream, leg)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)

    def _look(self, stream: Stream, leg: _Leg) -> None:
        """What is being started again, or is closed, is looked at the next time."""
        if stream.is_open:
            with contextlib.suppress(NotRunning, StreamClosed):
                self._measured(leg.session, leg.leg, self._measure(stream))
