"""Finding the call that somebody complains of: by number, time, outcome and trunk."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.terminal import on_terminal
from onhook.store import CallRecord, NotificationContext, Store, StoredDialogs, Writes
from store.samples import ACCOUNT, APPLICATION, call

CUSTOMER, SHOP, OTHER = "+6591234567", "+6531234567", "+6598765432"


def at_ms(hour: int, minute: int, second: int = 0, day: int = 2) -> int:
    """A moment in Singapore."""
    return round(datetime(2026, 3, day, hour - 8, minute, second, tzinfo=UTC).timestamp() * 1000)


def ended(name: str, began_ms: int, ended_ms: int | None, **changes: object) -> CallRecord:
    over = {} if ended_ms is None else {"ended_by": "caller", "cause": "hangup", "state": "ended"}
    who = {"from_number": CUSTOMER, "to_number": SHOP}
    session = f"S{name:x<20}"
    return call(session, **{**who, **over, "began_ms": began_ms, "ended_ms": ended_ms, **changes})


CALLS = (
    ended("long", at_ms(13, 40), at_ms(14, 2, 50), answered_ms=at_ms(13, 41)),
    ended("early", at_ms(9, 0), at_ms(9, 1)),
    ended("late", at_ms(14, 9), at_ms(14, 10), cause="cancelled",
          facts=NotificationContext(always=(("from_name", 'a "trunk": "nine"'), ("trunk", "one")))),
    ended("other", at_ms(14, 3), at_ms(14, 4), from_number=OTHER, ended_by="system",
          cause="insufficient_credit"),
    ended("ours", at_ms(14, 30), at_ms(14, 31), from_number="", to_number="", direction="out",
          dest_number=CUSTOMER, ended_by="callee", cause="busy", sip_code=486,
          facts=NotificationContext(trunk="two")),
    ended("live", at_ms(14, 40), None, from_number="", to_number="", direction="out",
          dest_number=CUSTOMER, state="running", dialog=StoredDialogs(({"trunk": "two"},))),
    ended("before", at_ms(14, 3, day=1), at_ms(14, 4, day=1)),
)  # fmt: skip


@pytest.fixture
def asked(run: Run, tmp_path: Path) -> Run:
    """Runs a command on a store with these calls."""
    asyncio.run(fill(tmp_path / "data"))
    return run


async def fill(data: Path) -> None:
    store = await Store.open(data, "")
    try:
        await store.add_account(ACCOUNT)
        await store.add_application(APPLICATION)
        await store.submit(Writes(calls=CALLS))
    finally:
        await store.close()


def names(printed: str) -> list[str]:
    return [one["session"][1:].rstrip("x") for one in json.loads(printed)]


AT = ("--at", "2026-03-02T14:03", "--zone", "Asia/Singapore")


def test_the_nearest_of_the_day_comes_first(asked: Run) -> None:
    """A call drops when it ends, so that counts like its begin; another number is not meant."""
    printed = asked("calls", "find", CUSTOMER, *AT, "--json")
    assert names(printed) == ["long", "late", "ours", "live", "early"]
    assert [one["away_s"] for one in json.loads(printed)[:2]] == [-10.0, 300.001]
    table = asked("calls", "find", CUSTOMER, *AT, "--limit", "1")
    assert "2026-03-02, +08" in table
    assert "13:40:00" in table
    assert "14:02:50" in table
    assert "caller hangup" in table


@pytest.mark.parametrize("said", ["9123 4567", "0065 9123 4567", "091234567", "65-91234567"])
def test_a_number_as_a_customer_says_it(asked: Run, said: str) -> None:
    assert names(asked("calls", "find", said, *AT, "--json"))[0] == "long"


def test_without_a_time_the_newest_are_found(asked: Run) -> None:
    assert names(asked("calls", "find", CUSTOMER, "--json"))[:3] == ["live", "ours", "late"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--number", CUSTOMER, "--until", "2026-03-02T09:00:01"], ["early", "before"]),
        (["--number", OTHER], ["other"]),
        (["--since", "2026-03-02T14:03", "--until", "2026-03-02T14:30"], ["late", "other"]),
        (["--outcome", "busy"], ["ours"]),
        (["--outcome", "answered"], ["long"]),
        (["--outcome", "missed", "--number", OTHER], ["other"]),
        (["--trunk", "one"], ["late"]),
        (["--trunk", "two"], ["live", "ours"]),
        (["--trunk", "nine"], []),
        (["--trunk", "t%"], []),
    ],
)
def test_lists_are_narrowed(asked: Run, filters: list[str], found: list[str]) -> None:
    assert names(asked("calls", "list", "--json", "--zone", "Asia/Singapore", *filters)) == found


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["find", "12"], "is no number"),
        (["find", "+12"], "is not a phone number"),
        (["find", CUSTOMER, "--at", "noon"], "--at cannot be used"),
        (["find", CUSTOMER, "--zone", "Mars"], "--zone cannot be used"),
        (["list", "--until", "soon"], "--until cannot be used"),
        (["list", "--outcome", "sad"], "--outcome cannot be used"),
    ],
)
def test_a_mistake_is_one_sentence(asked: Run, command: list[str], sentence: str) -> None:
    assert sentence in asked("calls", *command, ok=False)


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_each_call_is_a_line_or_two(asked: Run, tmp_path: Path, columns: int) -> None:
    """In the terminal's own zone, and no cell is broken in the middle of a word."""
    printed = on_terminal(columns, tmp_path / "data", "calls", "list", "--limit", "5")
    assert all(len(line) <= columns for line in printed.splitlines())
    assert "06:30" in printed  # as `TZ` has it
    for one in CALLS[2:5]:
        assert one.session in printed
        assert one.cause in printed
    assert len(printed.splitlines()) <= 1 + 2 * 5
    found = on_terminal(columns, tmp_path / "data", "calls", "find", CUSTOMER, *AT)
    assert all(len(line) <= columns for line in found.splitlines())
    assert len(found.splitlines()) == 2 + 5
    long = on_terminal(columns, tmp_path / "data", "calls", "find", OTHER, *AT)
    assert all(len(line) <= columns for line in long.splitlines())
    assert CALLS[3].session in long, "it cannot be copied"
