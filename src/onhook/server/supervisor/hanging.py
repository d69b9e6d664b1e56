"""Which processes hang: asked whether they are there, they have not answered for too long.

Only time in which this process was there itself counts. When it came late, the machine stood still, or had no
time for anybody, and every wait begins anew. So does that for a process which a debugger has stopped.
"""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

_PARTS: Final = 3
"""Of the patience, after each of which it is looked."""
_LATE_S: Final = 1.0
_BEGINNING: Final = 4
"""A process that has not answered yet is still loading its program: so many times the patience."""


class Hanging:
    """By role. `patience_s` is how long an answer may take, 0 for ever; `clock` gives monotonic seconds."""

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._every_s = patience_s / _PARTS
        self._clock = clock
        self._next_s = clock() + self._every_s
        self._asked_s: dict[str, float] = {}
        """Since when an answer is missing, of those where one is."""
        self._beginning: set[str] = set()

    @property
    def next_s(self) -> tuple[float, ...]:
        """The moment of the next look; none where nobody is looked at."""
        return (self._next_s,) if self._patience_s else ()

    def begins(self, role: str) -> None:
        """A process was started."""
        self._asked_s.pop(role, None)
        self._beginning.add(role)

    def heard(self, role: str) -> None:
        """It has said something."""
        self._asked_s.pop(role, None)
        self._beginning.discard(role)

    def look(self, running: Collection[str]) -> tuple[list[str], dict[str, float]]:
        """If it is time: those to be asked now, and those that hang, with how many seconds for."""
        now_s = self._clock()
        if not self._patience_s or now_s < self._next_s:
            return [], {}
        if now_s - self._next_s > min(_LATE_S, self._every_s):
            self._asked_s = dict.fromkeys(self._asked_s, now_s)
        self._next_s = now_s + self._every_s
        waited_s = {each: now_s - self._asked_s[each] for each in running if each in self._asked_s}
        hanging = {
            each: seconds
            for each, seconds in waited_s.items()
            if seconds >= self._patience_of(each)
        }
        ask = [each for each in running if each not in waited_s]
        self._asked_s |= dict.fromkeys((*ask, *hanging), now_s)  # who is let be is waited for anew
        return ask, hanging

    def _patience_of(self, role: str) -> float:
        return self._patience_s * (_BEGINNING if role in self._beginning else 1)


def debugged(pid: int) -> bool:
    """Whether a debugger has a process, and may be what stops it."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
        traced = next(line for line in lines if line.startswith("TracerPid:"))
        return int(traced.split()[1]) != 0
    return False
