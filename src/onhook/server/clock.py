"""The clock of the process: one monotonic line for order and durations, the wall for people."""

import time
from datetime import UTC, datetime, timedelta, timezone

SINGAPORE = timezone(timedelta(hours=8))
"""The time zone of ``date`` in notifications: GMT+8 (reference, section 5)."""


def now_s() -> float:
    """Seconds of the monotonic clock that events carry."""
    return time.monotonic()


def wall_ms(at_s: float) -> int:
    """The moment ``at_s`` of the monotonic clock, in milliseconds since the epoch."""
    return round((time.time() - (time.monotonic() - at_s)) * 1000)


def api_date(at_ms: int) -> str:
    """A moment as the API writes it: ``YYYY-MM-DD HH:mm:SS`` in GMT+8."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(SINGAPORE)
    return moment.strftime("%Y-%m-%d %H:%M:%S")
