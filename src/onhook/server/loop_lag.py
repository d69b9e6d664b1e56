"""How late the event loop is, by its own work.

A callback that is due every 20 ms says how late it came. Only what the loop's thread itself computed
meanwhile counts: a process that the machine did not let run is late as well, and turning calls away would not
help it. Between two looks the one that is due tells, for it may be long in coming.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

EVERY_S = 0.02
_REMEMBERED = 50


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
    """Measured from `start` to `stop`; 0 otherwise. `observe` hears each measurement, in seconds."""

    def __init__(
        self,
        loop: Loop,
        observe: Callable[[float], None] = lambda lag_s: None,
        busy_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._loop = loop
        self._observe = observe
        self._busy_s = busy_s
        self._last_s = self._due_s = self._busy_before_s = 0.0
        self._timer: Timer | None = None
        self._looks: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        """When there was a look, and for how long the loop had been busy by then, in all."""

    def start(self) -> None:
        """Begin to measure, from within the thread of the loop."""
        self._busy_before_s = self._busy_s()
        self._looks.append((self._loop.time(), self._busy_before_s))
        self._due_s = self._loop.time() + EVERY_S
        self._timer = self._loop.call_later(EVERY_S, self._look)

    def stop(self) -> None:
        """No more looks."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._last_s = 0.0

    @property
    def seconds(self) -> float:
        """How late the loop is now, or was at the last look, whichever is more."""
        return self._last_s if self._timer is None else max(self._last_s, self._late_s())

    def seconds_for(self, waited_s: float) -> float:
        """The same, and how much of what somebody waited until now was the loop's own work."""
        since_s = self._loop.time() - waited_s
        before_s = next((busy_s for at_s, busy_s in reversed(self._looks) if at_s <= since_s), 0.0)
        return max(self.seconds, min(waited_s, self._busy_s() - before_s))

    def _late_s(self) -> float:
        late_s = self._loop.time() - self._due_s
        return max(0.0, min(late_s, self._busy_s() - self._busy_before_s))

    def _look(self) -> None:
        self._last_s = self._late_s()
        self._observe(self._last_s)
        self.start()
