"""Moments on the command line."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.cli.moments import around, day_of, since_ms, text_of, zone_named

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "ago_s"),
    [("90s", 90), ("15m", 900), ("2h", 7200), (" 7d ", 7 * 86400), ("1w", 7 * 86400), ("0s", 0)],
)
def test_so_long_ago(text: str, ago_s: int) -> None:
    assert since_ms(text, NOW_MS) == NOW_MS - ago_s * 1000


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T13:05", datetime(2026, 1, 31, 13, 5, tzinfo=UTC)),
        ("2026-01-31 13:05:09Z", datetime(2026, 1, 31, 13, 5, 9, tzinfo=UTC)),
        ("2026-01-31T13:05+08:00", datetime(2026, 1, 31, 5, 5, tzinfo=UTC)),
    ],
)
def test_a_date(text: str, moment: datetime) -> None:
    assert since_ms(text, NOW_MS) == moment.timestamp() * 1000


@given(st.integers(0, 4_000_000_000))
def test_what_is_shown_can_be_asked_for(second: int) -> None:
    assert since_ms(text_of(second * 1000), NOW_MS) == second * 1000


@given(st.text(max_size=30))
def test_anything_is_a_moment_or_one_sentence(text: str) -> None:
    try:
        assert isinstance(since_ms(text, NOW_MS), int)
    except ValueError as error:
        assert "is neither" in str(error)


def test_no_moment_is_nothing() -> None:
    assert text_of(None) == ""


SINGAPORE = zone_named("Asia/Singapore")
NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # nine in the morning there
DAY = datetime(2026, 3, 1, 16, tzinfo=UTC)


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def test_a_date_is_one_of_the_zone() -> None:
    assert since_ms("2026-03-02T09:00", NOW_MS, SINGAPORE) == ms(NINE)
    assert text_of(ms(NINE), SINGAPORE) == "2026-03-02 09:00:00+08:00"
    assert text_of(ms(NINE), zone_named("utc")) == "2026-03-02 01:00:00Z"
    assert day_of(ms(NINE), SINGAPORE) == "2026-03-02, +08"


@pytest.mark.parametrize(
    ("said", "begins", "lasts_s", "day"),
    [
        ("8:03", NINE - timedelta(minutes=57), 60, DAY),
        ("08:03:20", NINE - timedelta(minutes=56, seconds=40), 1, DAY),
        ("14:03", NINE - timedelta(hours=18, minutes=57), 60, DAY - timedelta(days=1)),
        ("2026-02-27T14:03", datetime(2026, 2, 27, 6, 3, tzinfo=UTC), 60, DAY - timedelta(days=3)),
        (
            "2026-02-27 06:03:04Z",
            datetime(2026, 2, 27, 6, 3, 4, tzinfo=UTC),
            1,
            DAY - timedelta(days=3),
        ),
        ("2026-03-02", DAY, 86400, DAY),
    ],
)
def test_a_time_that_somebody_remembers(
    said: str, begins: datetime, lasts_s: int, day: datetime
) -> None:
    """A time of day that is still to come was yesterday's."""
    moment = around(said, ms(NINE), SINGAPORE)
    assert (moment.from_ms, moment.until_ms) == (ms(begins), ms(begins) + lasts_s * 1000)
    assert (moment.day_ms, moment.day_over_ms) == (ms(day), ms(day) + 86_400_000)


def test_how_far_a_moment_is_from_it() -> None:
    moment = around("08:03", ms(NINE), SINGAPORE)
    begins = moment.from_ms
    assert [moment.away_ms(begins + by) for by in (-1, 0, 59_999, 60_000)] == [-1, 0, 0, 1]


@given(st.text(max_size=30))
def test_any_time_is_one_or_one_sentence(text: str) -> None:
    try:
        assert around(text, NOW_MS, None).from_ms
    except ValueError as error:
        assert "is neither" in str(error)


def test_a_zone_that_is_none() -> None:
    with pytest.raises(ValueError, match="is no zone"):
        zone_named("Mars/Olympus")
