"""Whose event is at hand, noted where it outlives this process: if that dies, it is known of whose event.

The supervisor shares the place, eight bytes of memory, and counts the deaths. It tells the next process of
whom to beware: those at whose event a process died by itself twice, or was killed three times in a row. A
call is known there by 56 bits of a hash of its session; the low byte says what it was doing, in the numbers
of whoever notes it.
"""

import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Final

NOBODY: Final = 0
KINDS: Final = 256
BYTES: Final = 8
"""Of the place that is shared."""

_place = memoryview(bytearray(BYTES)).cast("Q")


class Suspects:
    """Sessions of whose events to beware; `in` asks for one."""

    def __init__(self, kinds: Mapping[int, int]) -> None:
        """`kinds`: what each was doing, by the number of its session (`number`)."""
        self._kinds = kinds

    def __contains__(self, session: object) -> bool:
        return bool(self._kinds) and isinstance(session, str) and number(session) in self._kinds

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def kind(self, session: str) -> int:
        """What one of them was doing when a process died last."""
        return self._kinds[number(session)]


_suspects = Suspects({})


def number(session: str) -> int:
    """What a session is known by here; add a kind to it, which is less than `KINDS`."""
    return int.from_bytes(blake2b(session.encode(), digest_size=BYTES - 1).digest(), "big") * KINDS


def begins(whose: int) -> int:
    """An event of somebody (`number` and kind) is at hand from now on; returns whose was before."""
    before = _place[0]
    _place[0] = whose
    return before


def ends(before: int) -> None:
    """It is done; what was at hand before is again."""
    _place[0] = before


@contextmanager
def during(session: str, kind: int) -> Iterator[None]:
    """The same for a block of code."""
    before = begins(number(session) + kind)
    try:
        yield
    finally:
        ends(before)


def share(descriptor: int, told: Mapping[int, int]) -> None:
    """Note it in the supervisor's memory from now on, which is what `descriptor`, closed here, leads to.
    `told`: of whom to beware, as the supervisor knows them, and what each was doing."""
    global _place, _suspects
    _place = memoryview(mmap.mmap(descriptor, BYTES)).cast("Q")
    os.close(descriptor)
    _suspects = Suspects(told)


def suspects() -> Suspects:
    """Those who are to be ended rather than taken over: with them the next process may die, too."""
    return _suspects
