"""Moments as an operator writes and reads them: the same on the command line as on the console."""

from onhook.calls.story.moments import (
    Moment,
    around,
    day_and_time,
    day_of,
    since_ms,
    text_of,
    time_of_day,
    zone_named,
)

__all__ = [
    "Moment",
    "around",
    "day_and_time",
    "day_of",
    "since_ms",
    "text_of",
    "time_of_day",
    "zone_named",
]
