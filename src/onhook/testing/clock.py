"""Virtual time: timers that run when a test says so, in the order in which they are due.

    clock = VirtualClock()
    clock.call_later(32.0, transaction.timed_out)
    clock.advance(31.9)     # nothing yet
    clock.advance(0.1)      # now it ran

Code under test takes the clock as an argument (anything with `now` and `call_later`), so a retry
schedule of 24 hours or a SIP timer of 32 seconds passes in a microsecond, and always the same way.
"""

import heapq
import math
from collections.abc import Callable
from typing import Any


class VirtualHandle:
    """A timer that was set with `VirtualClock.call_later`; like `asyncio.TimerHandle`."""

    __slots__ = ("_args", "_cancelled", "_due_s", "_fn")

    def __init__(self, due_s: float, fn: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._due_s = due_s
        self._fn = fn
        self._args = args
        self._cancelled = False

    def when(self) -> float:
        """Return the time at which the timer is due, in seconds of the clock that made it."""
        return self._due_s

    def cancel(self) -> None:
        """Keep the timer from running; without effect once it ran, or the second time."""
        self._cancelled = True
        self._args = ()  # what a cancelled timer refers to need not stay alive

    def cancelled(self) -> bool:
        """Tell whether `cancel` was called."""
        return self._cancelled

    def _run(self) -> None:
        self._fn(*self._args)


class VirtualClock:
    """A clock that stands still until `advance` is called.

    Timers due at the same moment run in the order in which they were set. A timer set by a timer
    runs within the same `advance` if it falls due within it.
    """

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s
        self._timers: list[tuple[float, int, VirtualHandle]] = []
        self._set_so_far = 0

    def now(self) -> float:
        """Return the present moment in seconds; inside a timer, the moment it was due."""
        return self._now_s

    def time(self) -> float:
        """Return the present moment, under the name that an event loop gives it."""
        return self._now_s

    def call_later(self, delay_s: float, fn: Callable[..., object], *args: Any) -> VirtualHandle:
        """Run `fn(*args)` when the clock has advanced by `delay_s`; a negative delay counts as 0.

        A delay of 0 runs in the next `advance`, even in `advance(0)`, never inside this call.
        Raises ValueError for a delay that is not a finite number.
        """
        if not math.isfinite(delay_s):
            raise ValueError(f"a delay is a finite number of seconds, not {delay_s!r}")
        return self.call_at(self._now_s + max(0.0, delay_s), fn, *args)

    def call_at(self, due_s: float, fn: Callable[..., object], *args: Any) -> VirtualHandle:
        """Run `fn(*args)` at the moment `due_s` of this clock, or in the next `advance` if past."""
        if not math.isfinite(due_s):
            raise ValueError(f"a moment is a finite number of seconds, not {due_s!r}")
        handle = VirtualHandle(due_s, fn, args)
        self._set_so_far += 1
        heapq.heappush(self._timers, (due_s, self._set_so_far, handle))
        return handle

    def pending(self) -> int:
        """Count the timers that are set and not cancelled; 0 at the end of a test means no leak."""
        return sum(not handle.cancelled() for _, _, handle in self._timers)

    def next_due(self) -> float | None:
        """Return the moment of the next timer that will run, None when there is none."""
        self._drop_cancelled()
        return self._timers[0][0] if self._timers else None

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass and run what falls due, each timer at its own moment.

        An exception out of a timer passes through; the clock then stands at that timer's moment
        and the rest is still pending. Raises ValueError for a negative or infinite time.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"time advances by a finite number of seconds, not {seconds!r}")
        until_s = self._now_s + seconds
        while (due_s := self.next_due()) is not None and due_s <= until_s:
            _, _, handle = heapq.heappop(self._timers)
            self._now_s = max(self._now_s, due_s)
            handle._run()
        self._now_s = until_s

    def advance_to_next(self) -> bool:
        """Let time pass up to the next timer and run what is due then; False when none is set."""
        due_s = self.next_due()
        if due_s is None:
            return False
        self.advance(max(0.0, due_s - self._now_s))
        return True

    def _drop_cancelled(self) -> None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
