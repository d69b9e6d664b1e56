"""When a process that serves looks for garbage: seldom, and not in what is there for good.

What a process has imported and opened by the time it is ready stays until it ends: it is frozen, so that
no collection goes through it again. Of what is made later nearly everything is freed when it is let go of;
a collection is for the little that refers to itself. By Python's own thresholds one began every 700 objects,
with every call or two, and the calls that go on were looked through ever again: 7 % of what a switch did.
"""

import gc
import threading
import time
from typing import Any, Final

THRESHOLDS: Final = (10_000, 10, 10)
"""How many objects are made and not freed from one collection of the youngest to the next, which takes about
1 ms; and how many of these come before an older generation is looked at. What can wait to be freed is bounded
by their product: 100 MB at the very worst."""


def tune() -> None:
    """For a process that has imported, and opened, what it needs. Costs nothing, however much that is."""
    gc.set_threshold(*THRESHOLDS)
    gc.freeze()


class WithoutCollections:
    """What a thread computed, in seconds, but for its collections of garbage: they come by themselves, under
    a load every few seconds, and say nothing of how much there is to do. Made, and asked, in that thread."""

    def __init__(self) -> None:
        self._collecting_s = 0.0
        self._began_s: float | None = None
        self._thread = threading.get_ident()
        gc.callbacks.append(self._hear)

    def __call__(self) -> float:
        """Up to now."""
        return time.thread_time() - self._collecting_s

    def stop(self) -> None:
        """Hears of no collection any more."""
        gc.callbacks.remove(self._hear)

    def _hear(self, phase: str, _: dict[str, Any]) -> None:
        if threading.get_ident() != self._thread:
            return
        if phase == "start":
            self._began_s = time.thread_time()
        elif self._began_s is not None:
            self._collecting_s += time.thread_time() - self._began_s
            self._began_s = None
