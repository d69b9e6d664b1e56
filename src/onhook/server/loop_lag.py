"""How late the event loop is, by its own work.

A callback that is due every 20 ms says how late it came. Only what the loop's thread itself computed
meanwhile counts: a process that the machine did not let run is late as well, and turning calls away would not
help it. Nor does a collection of garbage count, where `busy_s` leaves it out: for one of 0.1 s calls were
turned away for 0.3 s. What tells is the average of the last moments: one long piece of work is no overload. A
loop that has nothing to do is looked at ever less often, until it has, or a call comes.
"""

import math
import time
from collections.abc import Callable
from typing import Protocol

EVERY_S = 0.02
SELDOM_S = 0.64
AVERAGED_S = 0.3
"""The time constant of the average."""
_IDLE = 0.05
"""A thread that computes for less of its time than this has nothing to do."""


class Timer(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Stop it."""


class Loop(Protocol):
    """Runs a function later, and knows the time. An event loop is one."""

    def time(self) -> float:
        """Seconds on a monotonic clock."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Run `callback` after `delay` seconds."""


class LoopLag:
    """Measured from `start` to `stop`. `observe` hears each measurement, in seconds."""

    def __init__(
        self,
        loop: Loop,
        observe: Callable[[float], None] = lambda lag_s: None,
        busy_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._loop = loop
        self._observe = observe
        self._busy_s = busy_s
        self._average_s = self._looked_s = self._busy_before_s = 0.0
        self._every_s = EVERY_S
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to measure, from within the thread of the loop."""
        self._every_s = EVERY_S
        self._wait(self._loop.time(), self._busy_s())

    def attend(self) -> None:
        """Something comes that there may be too much of: look as often as there is work."""
        if self._timer is not None and self._every_s > EVERY_S:
            self._timer.cancel()
            self._average_s = self.seconds
            self.start()

    def stop(self) -> None:
        """Measures no more; the lag is 0 from now on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._average_s = 0.0

    @property
    def seconds(self) -> float:
        """The average, with what is to be said of now: the next look may be long in coming."""
        if self._timer is None:
            return self._average_s
        now_s = self._loop.time()
        return self._averaged(now_s, self._late_s(now_s, self._busy_s()))

    def _wait(self, now_s: float, busy_s: float) -> None:
        self._looked_s, self._busy_before_s = now_s, busy_s
        self._timer = self._loop.call_later(self._every_s, self._look)

    def _late_s(self, now_s: float, busy_s: float) -> float:
        late_s = now_s - self._looked_s - self._every_s
        return max(0.0, min(late_s, busy_s - self._busy_before_s))

    def _averaged(self, now_s: float, late_s: float) -> float:
        share = 1 - math.exp((self._looked_s - now_s) / AVERAGED_S)
        return self._average_s + share * (late_s - self._average_s)

    def _look(self) -> None:
        now_s, busy_s = self._loop.time(), self._busy_s()  # which is a system call
        late_s = self._late_s(now_s, busy_s)
        self._average_s = self._averaged(now_s, late_s)
        self._observe(late_s)
        idle = busy_s - self._busy_before_s < _IDLE * (now_s - self._looked_s)
        self._every_s = min(2 * self._every_s, SELDOM_S) if idle else EVERY_S
        self._wait(now_s, busy_s)
