from email.utils import formatdate
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.notify.schedule import RetrySchedule, parse_retry_after

DAY_S = 24 * 3600.0
START = 1_700_000_000.0


def all_attempts(schedule: RetrySchedule, retry_after_s: float | None = None) -> list[float]:
    """When attempts are made if all of them fail at once, in seconds from the first."""
    now, times = START, [0.0]
    while (due := schedule.next_at(len(times), START, now, retry_after_s)) is not None:
        now = due
        times.append(now - START)
    return times


def test_the_default_schedule_ends_within_a_day() -> None:
    times = all_attempts(RetrySchedule())
    assert times[:8] == [0, 5, 35, 155, 755, 2555, 6155, 9755]
    assert all(b - a == 3600 for a, b in pairwise(times[6:]))
    assert DAY_S - 3600 < times[-1] <= DAY_S


def test_retry_after_is_never_undercut() -> None:
    assert all_attempts(RetrySchedule((5, 10), 95), 30) == [0, 30, 60, 90]


def test_retry_after_beyond_the_end_leaves_one_last_attempt() -> None:
    assert all_attempts(RetrySchedule(), 10 * DAY_S) == [0, DAY_S]


def test_a_shorter_retry_after_does_not_hurry_the_schedule() -> None:
    assert RetrySchedule((5,)).next_at(1, START, START, 1) == START + 5


@pytest.mark.parametrize("delays", [(), (0,), (-1,), (5, float("nan")), (float("inf"),)])
def test_broken_schedules_are_refused(delays: tuple[float, ...]) -> None:
    with pytest.raises(ValueError):
        RetrySchedule(delays)


@given(
    st.integers(1, 100),
    st.floats(0, 2 * DAY_S),
    st.none() | st.floats(0, 1e9),
)
def test_an_attempt_is_never_early_and_never_past_the_end(
    attempts: int, elapsed: float, retry_after_s: float | None
) -> None:
    now = START + elapsed
    due = RetrySchedule().next_at(attempts, START, now, retry_after_s)
    if due is None:
        assert elapsed + 3600 > DAY_S
    else:
        assert now < due <= START + DAY_S
        assert due >= min(now + (retry_after_s or 0), START + DAY_S)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("9" * 5000, 1e9),
        ("-5", None),
        ("1.5", None),
        ("\u0661", None),
        ("soon", None),
        (formatdate(START + 60, usegmt=True), 60),
        (formatdate(START - 60, usegmt=True), 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Sun Nov  6 08:49:37 1994", 0),
        ("Wed, 01 Jan 9999 00:00:00 GMT", 1e9),
        ("Wed, 99 Jan 2030 99:99:99 GMT", None),
        ("x" * 10_000, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    found = parse_retry_after(value, START)
    if value == "Wed, 99 Jan 2030 99:99:99 GMT":
        assert found is None or found >= 0
    else:
        assert found == seconds


@given(st.text() | st.from_regex(r"\A[A-Z][a-z]{2}, [0-9]{1,9} [A-Z][a-z]{2} [0-9:. +-]*\Z"))
def test_retry_after_of_a_hostile_server(value: str) -> None:
    seconds = parse_retry_after(value, START)
    assert seconds is None or 0 <= seconds <= 1e9
