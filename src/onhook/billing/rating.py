"""Rating of one call. Pure: times come in, a bill comes out."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

MINUTE_MS = 60_000
_MILLS = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Rate:
    """What a minute costs. ``per_minute`` is the sum of the legs' rates (reference, section 5)."""

    currency: str
    per_minute: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """What a call came to: raw milliseconds, billed minutes, the rate used and their product."""

    duration_ms: int
    minutes: int
    rate: Rate

    @property
    def debit(self) -> Decimal:
        """Rate times billed minutes; exact."""
        return self.rate.per_minute * self.minutes


def bill(rate: Rate, answered_at_s: float | None, ended_at_s: float) -> Bill:
    """The bill of a call from its answer to its end, both of one monotonic clock.

    A minute that was begun counts whole; a call that was never answered costs nothing, however long
    it rang. A call that was answered is billed for one minute at the least.
    """
    if answered_at_s is None:
        return Bill(0, 0, rate)
    duration_ms = max(0, round((ended_at_s - answered_at_s) * 1000))
    minutes = max(1, -(-duration_ms // MINUTE_MS))
    return Bill(duration_ms, minutes, rate)


def money(amount: Decimal) -> str:
    """An amount as the API writes it: three decimals, ``0.020``."""
    return str(amount.quantize(_MILLS, rounding=ROUND_HALF_UP))
