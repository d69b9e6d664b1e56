"""When a notification is tried again. Pure."""

import calendar
import email.utils
from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Waiting times after the first failures; the last one repeats."""

DEFAULT_HORIZON_S = 24 * 3600.0
"""How long after the first attempt the last one may be."""

_FOREVER_S = 1e9
_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Waiting times between attempts. Raises `ValueError` if there are none, or one is not positive."""

    delays_s: Sequence[float] = DEFAULT_DELAYS_S
    horizon_s: float = DEFAULT_HORIZON_S

    def __post_init__(self) -> None:
        if not self.delays_s or any(not 0 < delay < _FOREVER_S for delay in self.delays_s):
            raise ValueError("a retry schedule is one or more waiting times above zero, in seconds")
        if not 0 <= self.horizon_s < _FOREVER_S:
            raise ValueError("the horizon of a retry schedule is not negative")

    def next_at(
        self, attempts: int, first_at: float, now: float, retry_after_s: float | None = None
    ) -> float | None:
        """Return when to try again after `attempts` failures, or None to give up.

        Never earlier than `retry_after_s` from now, which is what the receiver asked for; but what it
        asks for beyond the horizon is brought forward to a last attempt at the horizon.
        """
        due = now + self.delays_s[min(attempts, len(self.delays_s)) - 1]
        return self.postponed(due, first_at, now, retry_after_s)

    def postponed(
        self, due: float, first_at: float, now: float, retry_after_s: float | None = None
    ) -> float | None:
        """The same, where it is ``due`` already: after an attempt that is not one of the schedule."""
        end = first_at + self.horizon_s
        asked = now + (retry_after_s or 0.0)
        if due > end or now >= end:
            return None
        return max(due, min(asked, end))


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Read a Retry-After header (RFC 9110, section 10.2.3): seconds, or an HTTP date.

    Returns the seconds from `now` (Unix time), not negative; None for a value that is neither.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= _MAX_DIGITS else _FOREVER_S
    at = parse_http_date(text)
    return None if at is None else min(max(0.0, at - now), _FOREVER_S)


def parse_http_date(value: str | None) -> float | None:
    """Read an HTTP date (RFC 9110, section 5.6.7) as Unix time; None for what is none."""
    text = (value or "").strip()
    if not text or len(text) > 64:
        return None
    try:
        # An HTTP date is always GMT; what it says of a zone is not looked at.
        parsed = email.utils.parsedate(text)
        return calendar.timegm(parsed) if parsed else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
