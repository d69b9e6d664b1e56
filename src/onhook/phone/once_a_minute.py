"""Which refusals are worth a line in the log. Bounded: a stranger can make up addresses."""

import time
from collections import OrderedDict
from collections.abc import Callable

EVERY_S = 60.0
"""An address is told of once in so long."""
REMEMBERED = 1024
"""So many addresses are remembered; of more than these within `EVERY_S` nothing is told."""


class OnceAMinute:
    """The addresses that were told of as having been refused something. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: OrderedDict[str, float] = OrderedDict()
        """When each was told of, the longest ago first."""

    def is_news(self, host: str) -> bool:
        """Whether this address is to be told of; then it is not for a while."""
        now = self._clock()
        while self._told and next(iter(self._told.values())) <= now - EVERY_S:
            self._told.popitem(last=False)
        if host in self._told or len(self._told) >= REMEMBERED:
            return False
        self._told[host] = now
        return True
