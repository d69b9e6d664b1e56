"""The clock of the process: one monotonic line for order and durations, the wall for people.

The monotonic clock is CLOCK_MONOTONIC, as in the event loop and the media plane: it stands still while the
machine is suspended, and so do calls. Processes of one boot of one machine share it; what is written of
it is worth nothing without the boot that it belongs to.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path

SINGAPORE = timezone(timedelta(hours=8))
"""The time zone of ``date`` in notifications: GMT+8 (reference, section 5)."""


_monotonic: Callable[[], float] = time.monotonic
_wall: Callable[[], float] = time.time


def now_s() -> float:
    """Seconds of the monotonic clock that events carry."""
    return _monotonic()


def wall_ms(at_s: float) -> int:
    """The moment ``at_s`` of the monotonic clock, in milliseconds since the epoch."""
    return round((_wall() - (_monotonic() - at_s)) * 1000)


def now_ms() -> tuple[int, int]:
    """This moment, by the wall and by the monotonic clock, in whole milliseconds of each."""
    return round(_wall() * 1000), round(_monotonic() * 1000)


@contextmanager
def kept_by(monotonic: Callable[[], float], wall: Callable[[], float]) -> Iterator[None]:
    """Within this context the time of the process is told by these two: for a simulator, whose time stands
    still or jumps. They are asked by every thread, whichever loop it has."""
    global _monotonic, _wall
    before = _monotonic, _wall
    _monotonic, _wall = monotonic, wall
    try:
        yield
    finally:
        _monotonic, _wall = before


def mono_ms(at_s: float) -> int:
    """The moment ``at_s`` of the monotonic clock, in whole milliseconds of that clock."""
    return round(at_s * 1000)


@cache
def boot_id() -> str:
    """Which boot of which machine this process's monotonic clock belongs to.

    Where the kernel does not say, it is this process's own: nothing else is on its clock, then.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:36]
    except OSError:
        return str(uuid.uuid4())


def api_date(at_ms: int) -> str:
    """A moment as the API writes it: ``YYYY-MM-DD HH:mm:SS`` in GMT+8."""
    return datetime.fromtimestamp(at_ms / 1000, SINGAPORE).isoformat(" ", "seconds")[:19]


class SettledClock:
    """Unix time by which something may be deleted: it does not follow the wall clock at once.

    A wall clock that was set by more than ``STEP_S`` may be wrong, and what is deleted by it is gone. It
    is believed when it has stood for ``patience_s``; until then time passes as it did before.
    """

    STEP_S = 60.0

    def __init__(
        self,
        patience_s: float,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience_s = patience_s
        self._wall = wall
        self._monotonic = monotonic
        self._offset_s = wall() - monotonic()
        self._doubted: tuple[float, float] | None = None
        """Another offset, and since when it has stood."""

    def now(self) -> float:
        """Seconds since the epoch."""
        at_s = self._monotonic()
        self._look(self._wall() - at_s, at_s)
        return at_s + self._offset_s

    def _look(self, offset_s: float, at_s: float) -> None:
        if abs(offset_s - self._offset_s) <= self.STEP_S:
            self._offset_s, self._doubted = offset_s, None
        elif self._doubted is None or abs(offset_s - self._doubted[0]) > self.STEP_S:
            self._doubted = offset_s, at_s
        elif at_s - self._doubted[1] >= self._patience_s:
            self._offset_s, self._doubted = offset_s, None
