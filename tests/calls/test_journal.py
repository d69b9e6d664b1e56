"""What a call writes comes to disk in order, however often the disk refuses."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.call import Notification
from onhook.calls import journal as journals
from onhook.calls.journal import Journal
from onhook.store import CallRecord, IdempotentReply, Store, Writes
from onhook.store.database import Told
from store.samples import call, notification


class Refused(Exception):
    """The disk does not take it."""


class Disk:
    """A store that fails when it is told to, and otherwise keeps what it is given."""

    def __init__(self, fails: Iterator[bool]) -> None:
        self._fails = fails
        self.records: dict[str, CallRecord] = {}
        self.notifications: list[Notification] = []
        self.replies: list[IdempotentReply] = []

    def write(self, writes: Writes, told: Told, *, patient: bool = False) -> None:
        asyncio.get_running_loop().call_soon(self._write, writes, told)

    def _write(self, writes: Writes, told: Told) -> None:
        if next(self._fails, False):
            told(Refused())
            return
        self.records.update({record.session: record for record in writes.calls})
        self.notifications += writes.notifications
        self.replies += writes.replies
        told(None)


def journal_on(disk: Disk) -> Journal:
    return Journal(cast(Store, disk))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_AGAIN_S", (0.0,))


def write(
    journal: Journal, session: str, what: Writes, on_disk: Callable[[], None]
) -> "asyncio.Future[None]":
    """A future of the first try."""
    first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    first.add_done_callback(_look)

    def tried(error: Exception | None) -> None:
        if error is None:
            first.set_result(None)
        else:
            first.set_exception(error)

    journal.write(session, what, on_disk=on_disk, tried=tried)
    return first


def writes(session: str, number: int) -> Writes:
    record = call(session, sequence=number)
    return Writes(calls=(record,), notifications=(notification(session, number),))


async def caught_up(journal: Journal) -> None:
    async with asyncio.timeout(30):
        while journal.owes or journal._lanes:
            await asyncio.sleep(0)


async def test_what_is_refused_is_told_at_once_and_written_later() -> None:
    disk = Disk(iter([True, True]))
    journal = journal_on(disk)
    on_disk: list[str] = []
    reply = IdempotentReply("a", "k", "d", {}, 1)
    first = write(
        journal, "S1", replace(writes("S1", 1), replies=(reply,)), lambda: on_disk.append("S1")
    )
    with pytest.raises(Refused):
        await first
    assert on_disk == []
    assert journal.owes == 1
    await caught_up(journal)
    assert on_disk == ["S1"]
    assert disk.records == {"S1": call("S1", sequence=1)}
    assert disk.notifications == [notification("S1", 1)]
    assert disk.replies == []  # whoever asked was told of the failure


async def test_a_call_that_was_turned_away_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is refused next is tried again as soon as if it were the first."""
    monkeypatch.setattr(journals, "_AGAIN_S", (0.0, 3600.0))
    disk = Disk(iter([True, False, True]))
    journal = journal_on(disk)
    with pytest.raises(Refused):
        await write(journal, "S1", writes("S1", 1), lambda: None)
    journal.forget("S1")
    going_on = write(journal, "S2", writes("S2", 1), lambda: None)  # nothing is owed of it
    async with asyncio.timeout(30):
        while journal._timer is not None:
            await asyncio.sleep(0)
    assert not journal._refused
    await going_on
    with pytest.raises(Refused):
        await write(journal, "S2", writes("S2", 2), lambda: None)
    await caught_up(journal)
    assert disk.records == {"S2": call("S2", sequence=2)}


async def test_a_later_write_that_succeeds_is_told_after_the_earlier_one() -> None:
    disk = Disk(iter([True, False]))
    journal = journal_on(disk)
    on_disk: list[int] = []
    write(journal, "S1", writes("S1", 1), lambda: on_disk.append(1))
    await write(journal, "S1", writes("S1", 2), lambda: on_disk.append(2))
    assert on_disk == []
    await caught_up(journal)
    assert on_disk == [1, 2]
    assert disk.records["S1"].sequence == 2  # never back to an earlier state
    assert sorted(told.sequence for told in disk.notifications) == [1, 2]


async def test_a_call_that_is_forgotten_is_not_written() -> None:
    disk = Disk(iter([True]))
    journal = journal_on(disk)
    with pytest.raises(Refused):
        await write(journal, "S1", writes("S1", 1), lambda: None)
    journal.forget("S1")
    await caught_up(journal)
    await write(journal, "S2", writes("S2", 1), lambda: None)
    assert list(disk.records) == ["S2"]


async def test_whether_everything_so_far_is_on_disk() -> None:
    journal = journal_on(Disk(iter([False, True, False])))
    assert await journal.caught_up()
    write(journal, "S1", writes("S1", 1), lambda: None)
    assert await journal.caught_up()
    write(journal, "S1", writes("S1", 2), lambda: None)
    assert not await journal.caught_up()
    await caught_up(journal)
    assert await journal.caught_up()


async def test_a_closed_journal_does_not_try_again() -> None:
    disk = Disk(iter([True]))
    journal = journal_on(disk)
    with pytest.raises(Refused):
        await write(journal, "S1", writes("S1", 1), lambda: None)
    journal.close()
    await asyncio.sleep(0.01)
    assert disk.records == {}


@settings(max_examples=60, deadline=None)
@given(
    fails=st.lists(st.booleans(), max_size=40),
    steps=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 3)), max_size=25),
)
def test_any_failures_and_any_order(fails: list[bool], steps: list[tuple[str, int]]) -> None:
    asyncio.run(_any(fails, steps))


async def _any(fails: list[bool], steps: list[tuple[str, int]]) -> None:
    disk = Disk(iter(fails))
    journal = journal_on(disk)
    submitted: dict[str, int] = {}
    told: dict[str, list[int]] = {}
    for session, turns in steps:
        number = submitted[session] = submitted.get(session, 0) + 1
        heard = told.setdefault(session, [])
        write(journal, session, writes(session, number), partial(heard.append, number))
        for _ in range(turns):
            await asyncio.sleep(0)
    await caught_up(journal)
    for session, count in submitted.items():
        assert told[session] == list(range(1, count + 1))
        assert disk.records[session].sequence == count
        stored = [n.sequence for n in disk.notifications if n.session == session]
        assert sorted(stored) == list(range(1, count + 1))


def _look(future: "asyncio.Future[None]") -> None:
    """Takes note of the exception, as a call does."""
    future.exception()


async def test_what_is_behind_everything_is_told_at_once_where_nothing_is_under_way() -> None:
    told: list[str] = []
    journal_on(Disk(iter(()))).behind(lambda: told.append("behind"))
    assert told == ["behind"]


async def test_what_is_behind_everything_waits_for_all_calls_and_for_nothing_later() -> None:
    disk, told = Disk(iter(())), list[str]()
    journal = journal_on(disk)
    for session in ("a", "b"):
        write(journal, session, writes(session, 1), partial(told.append, session))
    journal.behind(partial(told.append, "behind"))
    write(journal, "a", writes("a", 2), partial(told.append, "later"))
    assert told == []
    await caught_up(journal)
    assert told == ["a", "b", "behind", "later"]


async def test_what_is_behind_everything_waits_as_long_as_something_is_owed() -> None:
    disk, told = Disk(iter((True, False, True, True))), list[str]()
    journal = journal_on(disk)
    write(journal, "a", writes("a", 1), partial(told.append, "a"))
    write(journal, "b", writes("b", 1), partial(told.append, "b"))
    journal.behind(partial(told.append, "behind"))
    await caught_up(journal)
    assert told == ["b", "a", "behind"]


async def test_nobody_waits_for_a_call_that_was_forgotten() -> None:
    told: list[str] = []
    journal = journal_on(Disk(iter((True,))))
    first = write(journal, "a", writes("a", 1), partial(told.append, "a"))
    journal.behind(partial(told.append, "behind"))
    await asyncio.wait((first,))
    journal.forget("a")
    assert told == ["behind"]
