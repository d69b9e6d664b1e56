"""At whose event the switch died: a call that takes every switch down is ended, so that the others live."""

import mmap
import os
import signal
from collections import deque
from dataclasses import dataclass
from typing import Final

from onhook.at_hand import BYTES, KINDS, NOBODY

BY_ITSELF: Final = 2
"""So many deaths of a switch by itself at the events of one call, or"""
KILLED: Final = 3
"""so many in a row, be they kills: whoever kills processes hits the same call by chance, too."""
_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class _Death:
    whose: int
    kind: int
    by_itself: bool


class Poison:
    """The memory that a switch notes in whose event is at hand, and what came of it."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("onhook-at-hand")
        os.ftruncate(self.descriptor, BYTES)
        self._place = memoryview(mmap.mmap(self.descriptor, BYTES)).cast("Q")
        self._deaths: deque[_Death] = deque(maxlen=_REMEMBERED)

    def died(self, status: int, *, hung: bool) -> None:
        """A switch is dead, with a status as `subprocess` has it; `hung`: it was killed for not answering."""
        at_hand, self._place[0] = self._place[0], NOBODY
        by_itself = hung or status > 0 or -status in _FAULTS
        whose, kind = at_hand - at_hand % KINDS, at_hand % KINDS
        self._deaths.append(_Death(whose, kind, by_itself))

    @property
    def suspects(self) -> list[tuple[int, int]]:
        """The calls that are to be ended, as `onhook.at_hand` numbers them, and what each was doing last."""
        last = list(self._deaths)[-KILLED:]
        kinds = {each.whose: each.kind for each in self._deaths if each.whose != NOBODY}
        return [
            (whose, kind)
            for whose, kind in kinds.items()
            if sum(each.by_itself for each in self._deaths if each.whose == whose) >= BY_ITSELF
            or (len(last) == KILLED and all(each.whose == whose for each in last))
        ]


_FAULTS: Final = frozenset(
    (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS)
)
"""Signals by which a process dies of what it does itself."""
