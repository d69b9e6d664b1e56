"""How often an application may ask: a token bucket an application, refilled evenly over a minute."""

import math

from onhook.blocks import Refused, statuses
from onhook.server import clock

_REMEMBERED = 10_000


class RateLimit:
    """At most ``per_minute`` requests a minute for each application; 0 is no limit."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: dict[str, tuple[float, float]] = {}
        """app_id to (requests left, when that was counted)"""

    def take(self, app_id: str) -> None:
        """Counts one request, or raises :class:`Refused` with how long to wait."""
        if not self._per_minute:
            return
        now_s = clock.now_s()
        left, counted_s = self._buckets.get(app_id, (float(self._per_minute), now_s))
        left = min(self._per_minute, left + (now_s - counted_s) * self._per_minute / 60)
        if left < 1:
            wait_s = math.ceil((1 - left) * 60 / self._per_minute)
            status = "error_rate_limit_exceeded"
            raise Refused(status, statuses.detail(status, wait_s), Retry_After=str(wait_s))
        if len(self._buckets) >= _REMEMBERED:
            self._buckets.clear()
        self._buckets[app_id] = (left - 1, now_s)
