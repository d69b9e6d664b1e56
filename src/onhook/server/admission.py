"""Which new calls are turned away before anything of them is kept.

Nobody is limited unless the operator says so. What is more than the process can do is shed by the lag of its
loop, so that calls which were taken go on, and whoever asks is answered. A few calls a second are taken
however late it is: it is not they who make it so. What was shed is counted (`onhook_sip{kind="shed"}`), and
logged once a second rather than call by call.
"""

from collections import deque
from collections.abc import Callable

import structlog

from onhook.api.buckets import Buckets
from onhook.server.loop_lag import LoopLag

log = structlog.get_logger()

FEW = 25
"""Calls a second."""
LOGGED_EVERY_S = 1.0
_SECOND_S = 1.0


class Admission:
    """Says of each new call whether it is taken.

    `lag` beyond `most_lag_s` sheds (0: never) what is more than a few; so does an address from which more
    than `per_s` calls come a second (0: no limit; so many may come at once).
    """

    def __init__(
        self, lag: LoopLag, now_s: Callable[[], float], *, most_lag_s: float, per_s: int = 0
    ) -> None:
        self._lag = lag
        self._now_s = now_s
        self._most_lag_s = most_lag_s
        self._per_s = per_s
        self._buckets = Buckets(per_s, _SECOND_S, now_s)
        self._taken_s: deque[float] = deque(maxlen=FEW)
        self._shed = 0
        self._logged_s = -LOGGED_EVERY_S

    def admits(self, address: str) -> bool:
        """Whether a new call from an address is taken; counts it if so."""
        self._lag.attend()
        if self._most_lag_s and self._is_crowded() and self._lag.seconds > self._most_lag_s:
            return self._turned_away("the loop is late")
        if self._per_s and self._buckets.take(address):
            return self._turned_away("too many a second from one address", peer=address)
        self._taken_s.append(self._now_s())
        return True

    def _is_crowded(self) -> bool:
        """Whether more than a few were taken within the last second."""
        return len(self._taken_s) == FEW and self._now_s() - self._taken_s[0] < 1

    def _turned_away(self, why: str, **where: str) -> bool:
        self._shed += 1
        if self._now_s() - self._logged_s >= LOGGED_EVERY_S:
            self._logged_s = self._now_s()
            log.warning(
                "calls_shed",
                calls=self._shed,
                why=why,
                lag_ms=round(1000 * self._lag.seconds),
                **where,
            )
            self._shed = 0
        return False
