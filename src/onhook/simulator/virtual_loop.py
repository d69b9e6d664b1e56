"""An event loop whose time stands still, or jumps: five minutes of a call in a millisecond.

    somebody waits for something to happen?  no  -> time stands still
    is a request open, either way?           yes -> time stands still
    is the database at work?                 yes -> time stands still
    has the application just been answered?  yes -> time stands still for a grace of real time
    else                                         -> time is that of the next timer, at once

Sockets are real, and are served whenever there is something to be read.
"""

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

_AT_WORK_S: Final = 0.0002
"""Of real time, between looks at a database that is at work."""


class Stillness:
    """What keeps time from passing. Any thread may hold it."""

    def __init__(self, grace_s: float) -> None:
        self.grace_s = grace_s
        """So long after the last request was over time stands still: applications act after a reply."""
        self.held_for: dict[object, str] = {}
        """What is under way, in words."""
        self.last_s = time.monotonic()
        """When something began or was over, in real time."""
        self._lock = threading.Lock()
        self._wake: Callable[[], None] = lambda: None

    def on_change(self, wake: Callable[[], None]) -> None:
        """``wake`` is called, in any thread, when something is over."""
        self._wake = wake

    @contextmanager
    def held(self, why: str) -> Iterator[None]:
        """Within this context time stands still, and for the grace after it."""
        key = object()
        with self._lock:
            self.held_for[key] = why
            self.last_s = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                del self.held_for[key]
                self.last_s = time.monotonic()
            self._wake()

    def left_s(self) -> float | None:
        """Seconds of real time until time may pass; None as long as something is under way."""
        with self._lock:
            if self.held_for:
                return None
            return max(0.0, self.last_s + self.grace_s - time.monotonic())


@dataclass(slots=True, eq=False)
class Wait:
    """Somebody waits for something to happen, until a moment of virtual time, and of real time."""

    is_so: Callable[[], bool]
    until_s: float
    patience_s: float
    """Of real time, in which nothing at all happens."""
    done: "asyncio.Future[bool]"
    since_s: float = field(default_factory=time.monotonic)
    passes: bool = False
    """Time passes also where nothing is going on."""


class _Selector(selectors.DefaultSelector):
    """Serves sockets, and lets time pass where nothing else is to be done."""

    def __init__(self, clock: "_Clock") -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What can be read or written; nothing, after time has passed."""
        clock = self._clock
        while True:
            events: list[tuple[selectors.SelectorKey, int]] = super().select(0)
            if events or (timeout is not None and timeout <= 0) or clock.look():
                return events
            real_s = clock.stands_still()
            if real_s is None or real_s > 0:
                if events := super().select(clock.patience(real_s)):
                    return events
                continue
            if events := super().select(0):  # what was told before the look at what is at work
                return events
            if clock.passes(timeout):
                return []
            if events := super().select(clock.patience(None)):
                return events


class _Clock:
    """The time of a loop."""

    def __init__(self, stillness: Stillness) -> None:
        self.now_s = time.monotonic()
        self.stillness = stillness
        self.waits: list[Wait] = []
        self.is_idle: Callable[[], bool] = lambda: True
        """Whether the database is."""
        self.goes_on: Callable[[], bool] = lambda: False
        """Whether there is a call, or something to be told."""
        self.ends = False
        """Whether everything is being closed: what takes time has it."""

    def look(self) -> bool:
        """Whether somebody who waits need not wait any more."""
        over = [one for one in self.waits if one.is_so() or self._is_over(one)]
        for one in over:
            self.waits.remove(one)
            if not one.done.done():
                one.done.set_result(one.is_so())
        return bool(over)

    def _is_over(self, one: Wait) -> bool:
        since_s = max(one.since_s, self.stillness.last_s)
        return self.now_s >= one.until_s or time.monotonic() - since_s >= one.patience_s

    def stands_still(self) -> float | None:
        """Seconds of real time until it may pass; None if something has to happen first."""
        if self.ends:
            return 0.0 if self.is_idle() else _AT_WORK_S
        if not self.waits:
            return None
        left_s = self.stillness.left_s()
        if left_s is None or left_s > 0:
            return left_s
        if not self.is_idle():
            return _AT_WORK_S
        if not self.goes_on() and not any(one.passes for one in self.waits):
            return None
        return 0.0

    def patience(self, real_s: float | None) -> float | None:
        """How long to wait for sockets, in real time."""
        now_s, last_s = time.monotonic(), self.stillness.last_s
        lefts = [max(one.since_s, last_s) + one.patience_s - now_s for one in self.waits]
        least_s = max(0.0, min(lefts)) if lefts else None
        if real_s is None or least_s is None:
            return least_s if real_s is None else real_s
        return min(real_s, least_s)

    def passes(self, timeout: float | None) -> bool:
        """It does, until the next timer or until somebody waits no longer; False if there is neither."""
        moments = [one.until_s for one in self.waits]
        if timeout is not None:
            moments.append(self.now_s + timeout)
        if not moments:
            return False
        self.now_s = min(moments)
        return True


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a time of its own. Use it in a thread of its own."""

    def __init__(self, stillness: Stillness) -> None:
        self.clock = _Clock(stillness)
        self._wall_s = time.time() - self.clock.now_s
        super().__init__(_Selector(self.clock))
        stillness.on_change(self.wake)

    def time(self) -> float:
        """Seconds of its time."""
        return self.clock.now_s

    def wall(self) -> float:
        """Its time, in seconds since the epoch."""
        return self._wall_s + self.clock.now_s

    def wake(self) -> None:
        """Has it look again, from any thread."""
        if not self.is_closed():
            self.call_soon_threadsafe(lambda: None)

    async def until(
        self,
        is_so: Callable[[], bool],
        within_s: float,
        patience_s: float,
        *,
        passes: bool = False,
    ) -> bool:
        """Lets time pass until it is so, for ``within_s`` of it at the most; whether it is so then. Nothing
        happens for ``patience_s`` of real time: then it is not waited for either. ``passes``: time passes
        also where nothing is going on."""
        if is_so():
            return True
        done: asyncio.Future[bool] = self.create_future()
        wait = Wait(is_so, self.time() + within_s, patience_s, done, passes=passes)
        self.clock.waits.append(wait)
        try:
            return await done
        finally:
            if wait in self.clock.waits:
                self.clock.waits.remove(wait)


def monotonic() -> float:
    """The time of the running loop, if that has one of its own; else that of the machine."""
    loop: Any = asyncio._get_running_loop()
    return loop.time() if isinstance(loop, VirtualLoop) else time.monotonic()


def wall() -> float:
    """The same, in seconds since the epoch."""
    loop: Any = asyncio._get_running_loop()
    return loop.wall() if isinstance(loop, VirtualLoop) else time.time()
