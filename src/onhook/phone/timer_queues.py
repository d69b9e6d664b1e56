"""A clock for waits of a few lengths, of which many are set and nearly all are taken back.

Each call sets six timers, and cancels four; but they wait for T1, for 64*T1, for T4. Of one length they fall
due in the order in which they were set, so each length is a queue, and only the first of a queue needs a
timer of the event loop. One that is taken back stays in its queue, empty, until its time comes or there are
more of those than of others.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from onhook.phone.timers import Clock, TimerHandle

GRAIN_S = 0.001
"""What falls due within this is due: event loops count in milliseconds."""
_FEW = 1000
"""So many waits that were taken back are never in the way."""


class TimerQueues:
    """A `Clock` above another. `call_later` is given few different delays: each has a queue for good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[float, _Queue] = {}

    def time(self) -> float:
        """Seconds on the clock below."""
        return self._clock.time()

    def call_later(
        self, delay: float, callback: Callable[..., object], /, *args: Any
    ) -> TimerHandle:
        """Run `callback(*args)` after `delay` seconds."""
        queue = self._queues.get(delay)
        if queue is None:
            queue = self._queues[delay] = _Queue(self._clock, delay)
        return queue.add(callback, args)


class _Wait:
    """One callback in a queue; None once it has run, or was taken back."""

    __slots__ = ("args", "callback", "due_s", "queue")

    def __init__(
        self, queue: "_Queue", due_s: float, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        self.queue = queue
        self.due_s = due_s
        self.callback: Callable[..., object] | None = callback
        self.args = args

    def cancel(self) -> None:
        """Take it back; harmless when it has run."""
        if self.callback is not None:
            self.callback, self.args = None, ()
            self.queue.taken_back()


class _Queue:
    """The waits of one length, in the order in which they fall due."""

    __slots__ = ("_clock", "_delay_s", "_live", "_runs", "_timer", "_waits")

    def __init__(self, clock: Clock, delay_s: float) -> None:
        self._clock = clock
        self._delay_s = delay_s
        self._waits: deque[_Wait] = deque()
        self._live = 0
        self._runs = False
        self._timer: TimerHandle | None = None

    def add(self, callback: Callable[..., object], args: tuple[Any, ...]) -> _Wait:
        wait = _Wait(self, self._clock.time() + self._delay_s, callback, args)
        self._waits.append(wait)
        self._live += 1
        if self._timer is None and not self._runs:
            self._timer = self._clock.call_later(self._delay_s, self._run)
        return wait

    def taken_back(self) -> None:
        self._live -= 1
        if not self._live:
            self._waits.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif len(self._waits) > 2 * self._live + _FEW:
            self._waits = deque([wait for wait in self._waits if wait.callback is not None])

    def _run(self) -> None:
        """Run what is due. What a callback raises is for the event loop; the others are run all the same."""
        self._timer, self._runs = None, True
        try:
            while wait := self._next_due():
                callback, args = wait.callback, wait.args
                wait.callback, wait.args = None, ()
                self._live -= 1
                if callback is not None:
                    callback(*args)
        finally:
            self._runs = False
            if self._waits:
                delay_s = max(0.0, self._waits[0].due_s - self._clock.time())
                self._timer = self._clock.call_later(delay_s, self._run)

    def _next_due(self) -> _Wait | None:
        """Take the next wait that is due out of the queue; None if none is."""
        waits = self._waits
        while waits and waits[0].callback is None:
            waits.popleft()
        if waits and waits[0].due_s <= self._clock.time() + GRAIN_S:
            return waits.popleft()
        return None
