"""How often an application may ask: a token bucket an application, refilled evenly over a minute."""

import math

from onhook.api.buckets import Buckets
from onhook.blocks import Refused, statuses
from onhook.calls import clock

_MINUTE_S = 60.0


class RateLimit:
    """At most ``per_minute`` requests a minute for each application; 0 is no limit."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets = Buckets(per_minute, _MINUTE_S, lambda: clock.now_s())

    def take(self, app_id: str) -> None:
        """Counts one request, or raises :class:`Refused` with how long to wait."""
        wait_s = math.ceil(self._buckets.take(app_id)) if self._per_minute else 0
        if wait_s:
            status = "error_rate_limit_exceeded"
            raise Refused(status, statuses.detail(status, wait_s), Retry_After=str(wait_s))
