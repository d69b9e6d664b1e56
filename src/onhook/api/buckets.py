"""Token buckets: how many of something there may be in a while, for each of many."""

from collections.abc import Callable

from onhook.notify.memory import TimedMemory

REMEMBERED = 10_000
"""Of more than these, whoever asked the longest ago is forgotten: its bucket is the fullest of all."""


class Buckets:
    """One bucket a key: ``most`` at once, and as many again in each ``over_s`` seconds, evenly."""

    def __init__(self, most: int, over_s: float, now_s: Callable[[], float]) -> None:
        self._most = most
        self._per_s = most / over_s
        self._now_s = now_s
        self._left: TimedMemory[str, tuple[float, float]] = TimedMemory(over_s, REMEMBERED, now_s)
        """Tokens, and when they were counted; a bucket that was left alone for ``over_s`` is full."""

    def take(self, key: str) -> float:
        """Takes one: 0. If there is none, the seconds until there is; nothing is taken then."""
        now_s = self._now_s()
        left, counted_s = self._left.get(key) or (float(self._most), now_s)
        left = min(self._most, left + (now_s - counted_s) * self._per_s)
        there = left >= 1
        self._left.put(key, (left - there, now_s))
        return 0.0 if there else (1 - left) / self._per_s
