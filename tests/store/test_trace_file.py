"""Traces on the disk: they are read as they were written, and take so much room and no more."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.store.traces import KINDS, TRACE_FILE, Entry, Part, TraceFile, pack, read_trace, unpack

ENTRIES = st.builds(
    Entry,
    at_us=st.integers(0, 2**62),
    kind=st.sampled_from(KINDS),
    whom=st.text(max_size=40),
    said=st.binary(max_size=300),
)


@given(st.lists(ENTRIES, max_size=5))
def test_entries_are_read_as_they_were_written(entries: list[Entry]) -> None:
    assert list(unpack(pack(entries))) == entries


@given(st.lists(ENTRIES, max_size=3), st.integers(0, 2000))
def test_what_is_cut_short_is_no_error(entries: list[Entry], length: int) -> None:
    list(unpack(pack(entries)[:length]))


def entry(at_us: int, size: int = 10) -> Entry:
    return Entry(at_us, "sip-in", "192.0.2.7:5060", b"x" * size)


def part(session: str, entries: list[Entry]) -> Part:
    return Part(session, entries[0].at_us // 1000, entries)


def now_us() -> int:
    return time.time_ns() // 1000


def written(directory: Path, parts: list[Part], *, days: int = 7, megabytes: int = 100) -> None:
    file = TraceFile(directory, days=days, megabytes=megabytes)
    file.start()
    for one in parts:
        file.write([one])
    file.close()
    assert file.failed == ""


def test_parts_of_a_call_are_one_trace(tmp_path: Path) -> None:
    at = now_us()
    first, later, other = entry(at + 2), entry(at + 1), entry(at)
    written(tmp_path, [part("S1", [first]), part("S2", [other]), part("S1", [later])])
    assert read_trace(tmp_path, "S1") == [later, first]
    assert read_trace(tmp_path, "S3") == []
    assert (tmp_path / TRACE_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("later", [False, True])
def test_entries_that_cannot_be_made_take_nothing_of_what_comes_later(
    tmp_path: Path, later: bool
) -> None:
    class Broken(list[Entry]):
        def __iter__(self) -> Iterator[Entry]:
            raise ValueError("no such entry")

    file = TraceFile(tmp_path, days=7, megabytes=100)
    file.start()
    file.write([Part("S1", 1, Broken())])
    if later:
        file.write([part("S2", [entry(now_us())])])
    file.close()
    assert file.failed == ("" if later else "ValueError: no such entry")
    assert len(read_trace(tmp_path, "S2")) == later


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert read_trace(tmp_path, "S1") == []


def test_a_file_that_is_being_made_has_nothing_yet(tmp_path: Path) -> None:
    """Others read it from the moment on in which it is there."""
    (tmp_path / TRACE_FILE).touch()
    assert read_trace(tmp_path, "S1") == []
    with closing(sqlite3.connect(tmp_path / TRACE_FILE)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        assert read_trace(tmp_path, "S1") == []


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    old = now_us() - 3 * 86_400_000_000
    written(tmp_path, [part("S1", [entry(old)]), part("S2", [entry(now_us())])], days=2)
    assert read_trace(tmp_path, "S1") == []
    assert len(read_trace(tmp_path, "S2")) == 1


def test_the_oldest_goes_when_there_is_too_much(tmp_path: Path) -> None:
    """A file that is as large as it may be loses a tenth when it is opened, or a minute later."""
    parts = [part(f"S{number}", [entry(now_us(), 100_000)]) for number in range(20)]
    written(tmp_path, parts)
    for _ in range(12):
        written(tmp_path, [part("S", [entry(now_us())])], megabytes=1)
    with closing(sqlite3.connect(tmp_path / TRACE_FILE)) as database:
        left = [row[0] for row in database.execute("SELECT session FROM parts ORDER BY id")]
    assert left[0] not in ("S0", "S1")
    assert "S19" in left
    [(used,)] = [(sum(100_000 for one in left if one != "S"),)]
    assert used <= 1_000_000


def test_a_file_that_cannot_be_written_is_said_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / TRACE_FILE).mkdir()
    file = TraceFile(tmp_path, days=1, megabytes=1)
    file.start()
    file.write([part("S1", [entry(now_us())])])
    while not file.failed:
        time.sleep(0.001)
    (tmp_path / TRACE_FILE).rmdir()
    file.write([part("S2", [entry(now_us())])])
    file.close()
    assert file.failed == ""
    assert len(read_trace(tmp_path, "S2")) == 1
    assert read_trace(tmp_path, "S1") == []
