"""Moments as an operator writes and reads them: in a zone that has a name, or in the terminal's.

A zone is a ``tzinfo``, or None for that of the terminal.
"""

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


@dataclass(frozen=True, slots=True)
class Moment:
    """What somebody says who remembers a time of day: all of it from ``from_ms`` to before ``until_ms``, on a
    day that lasts from ``day_ms`` to before ``day_over_ms``. Milliseconds since the epoch."""

    from_ms: int
    until_ms: int
    day_ms: int
    day_over_ms: int

    def away_ms(self, at_ms: int) -> int:
        """How far a moment is from it: 0 within, negative before."""
        if at_ms < self.from_ms:
            return at_ms - self.from_ms
        return max(0, at_ms - self.until_ms + 1)


def zone_named(name: str | None) -> tzinfo | None:
    """The zone that the IANA names so, ``UTC`` too; without a name that of the terminal.

    Raises ValueError with a sentence.
    """
    if name is None:
        return None
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name[:40]!r} is no zone that the IANA names, such as Asia/Singapore or UTC."
        ) from None


def since_ms(text: str, now_ms: int, zone: tzinfo | None = UTC) -> int:
    """A moment in milliseconds since the epoch: so long ago (``90s``, ``15m``, ``2h``, ``7d``, ``1w``),
    or a date with or without a time, in ISO 8601 and in the zone unless it says otherwise.

    Raises ValueError with a sentence.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now_ms - int(ago[1]) * _SECONDS[ago[2]] * 1000
    try:
        return _ms(_in(zone, datetime.fromisoformat(text.strip())))
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is neither a time ago, such as 2h or 7d, nor a date, such as 2026-01-31T13:05."
        ) from None


def around(text: str, now_ms: int, zone: tzinfo | None) -> Moment:
    """What ``--at`` says: ``14:03`` or ``14:03:20`` of today, or of yesterday if that is still to come; the
    same of another day (``2026-01-31T14:03``); or all of a day (``2026-01-31``).

    Raises ValueError with a sentence.
    """
    asked = text.strip()
    try:
        clock = _CLOCK.fullmatch(asked)
        if clock:
            now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
            hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
            naive = datetime(now.year, now.month, now.day, hour, minute, second)
            if _ms(_in(zone, naive)) > now_ms:
                naive -= timedelta(days=1)
            return _moment(_in(zone, naive), 1 if clock[3] else 60, zone)
        if len(asked) == len("2026-01-31"):
            day = date.fromisoformat(asked)
            day_ms, over_ms = _day(day, zone)
            return Moment(day_ms, over_ms, day_ms, over_ms)
        return _moment(
            _in(zone, datetime.fromisoformat(asked)), 1 if asked.count(":") > 1 else 60, zone
        )
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is neither a time of day, such as 14:03, nor a date with or without one, such as "
            "2026-01-31T14:03."
        ) from None


def text_of(at_ms: int | None, zone: tzinfo | None = UTC) -> str:
    """A moment for a person: in the zone, to the second, with how far that is from UTC; nothing for none."""
    if at_ms is None:
        return ""
    at = _at(at_ms, zone)
    if not at.utcoffset():
        return at.strftime("%Y-%m-%d %H:%M:%SZ")
    return at.isoformat(" ", "seconds")


def day_and_time(at_ms: int, zone: tzinfo | None) -> str:
    """A moment in little room: ``11-29 14:03``."""
    return _at(at_ms, zone).strftime("%m-%d %H:%M")


def time_of_day(at_ms: int | None, zone: tzinfo | None) -> str:
    """A moment of a day that is known: ``14:03:20``; nothing for none."""
    return "" if at_ms is None else _at(at_ms, zone).strftime("%H:%M:%S")


def day_of(at_ms: int, zone: tzinfo | None) -> str:
    """A day, and the zone that it is one of: ``2026-11-29, UTC+08:00``."""
    return _at(at_ms, zone).strftime("%Y-%m-%d, %Z")


def _at(at_ms: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)


def _in(zone: tzinfo | None, moment: datetime) -> datetime:
    """A moment that says no zone is one of this."""
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if zone is None else moment.replace(tzinfo=zone)


def _moment(at: datetime, lasts_s: int, zone: tzinfo | None) -> Moment:
    day_ms, over_ms = _day(at.astimezone(zone).date(), zone)
    return Moment(_ms(at), _ms(at) + lasts_s * 1000, day_ms, over_ms)


def _day(day: date, zone: tzinfo | None) -> tuple[int, int]:
    return _ms(_midnight(day, zone)), _ms(_midnight(day + timedelta(days=1), zone))


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    return _in(zone, datetime(day.year, day.month, day.day))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
