"""The memory of the last media planes: what a plane showed of its streams can be read when it is dead.

A switch reads it while it has a link to the plane, and then for itself. Where both die at once, the next
switch has nothing but what is kept here. Descriptors only: nothing of it is mapped in this process.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

_KEPT: Final = 4
"""So many planes may die one after another before those who had streams in them have written that these are
in another one."""


class Remains:
    """The memories of planes by their processes, the newest last."""

    def __init__(self) -> None:
        self._of: dict[int, int] = {}

    def keep(self, pid: int, memory: int) -> None:
        """A plane offers its link, to its first switch or to another: the memory is the same."""
        if pid in self._of:
            return
        with suppress(OSError):  # there is none left: nobody knows then how far streams are
            self._of[pid] = os.dup(memory)
        while len(self._of) > _KEPT:
            os.close(self._of.pop(next(iter(self._of))))

    @property
    def descriptors(self) -> Sequence[int]:
        """Of all that are kept; they stay ours."""
        return tuple(self._of.values())
