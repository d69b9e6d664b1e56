"""Moments on the command line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.cli.moments import since_ms, text_of

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
