"""The clock of the process: one monotonic line for order and durations, the wall for people.

The monotonic clock is CLOCK_MONOTONIC, as in the event loop and the media plane: it stands still while the
machine is suspended, and so do calls. Processes of one boot of one machine share it; what is written of
it is worth nothing without the boot that it belongs to.
"""

import time
import uuid
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path

SINGAPORE = timezone(timedelta(hours=8))
"""The time zone of ``date`` in notifications: GMT+8 (reference, section 5)."""


def now_s() -> float:
    """Seconds of the monotonic clock that events carry."""
    return time.monotonic()


def wall_ms(at_s: float) -> int:
    """The moment ``at_s`` of the monotonic clock, in milliseconds since the epoch."""
    return round((time.time() - (time.monotonic() - at_s)) * 1000)


def mono_ms(at_s: float) -> int:
    """The moment ``at_s`` of the monotonic clock, in whole milliseconds of that clock."""
    return round(at_s * 1000)


@cache
def boot_id() -> str:
    """Which boot of which machine this process's monotonic clock belongs to.

    Where the kernel does not say, it is this process's own: nothing else is on its clock, then.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:36]
    except OSError:
        return str(uuid.uuid4())


def api_date(at_ms: int) -> str:
    """A moment as the API writes it: ``YYYY-MM-DD HH:mm:SS`` in GMT+8."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(SINGAPORE)
    return moment.strftime("%Y-%m-%d %H:%M:%S")
