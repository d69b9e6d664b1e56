"""Moments as an operator writes and reads them. Pure."""

import re
from datetime import UTC, datetime

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def since_ms(text: str, now_ms: int) -> int:
    """A moment in milliseconds since the epoch: so long ago (``90s``, ``15m``, ``2h``, ``7d``, ``1w``),
    or a date with or without a time, in ISO 8601 and in UTC unless it says otherwise.

    Raises ValueError with a sentence.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now_ms - int(ago[1]) * _SECONDS[ago[2]] * 1000
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is neither a time ago, such as 2h or 7d, nor a date, such as 2026-01-31T13:05."
        ) from None


def text_of(at_ms: int | None) -> str:
    """A moment for a person: in UTC, to the second; nothing for none."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
