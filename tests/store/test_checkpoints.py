"""SQLite's log is carried over beside the commits, and stays short."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from onhook.store import Store, Writes
from onhook.store.checkpoints import CHANGES, MOST_PAGES
from onhook.store.sqlite import DATABASE_FILE
from store.samples import ACCOUNT, APPLICATION, call

_PAGE_BYTES = 4096 + 24


async def _opened(directory: Path) -> Store:
    store = await Store.open(directory)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    return store


def _in_the_database(directory: Path) -> int:
    """How many calls somebody sees who has the database file, and not its log."""
    copy = directory / "copy.db"
    copy.write_bytes((directory / DATABASE_FILE).read_bytes())
    connection = sqlite3.connect(copy)
    try:
        found: int = connection.execute("SELECT count(*) FROM calls").fetchone()[0]
    except sqlite3.Error:  # it was copied in the middle of a checkpoint
        found = 0
    connection.close()
    return found


async def test_what_was_committed_comes_into_the_database_though_the_store_stays_open(
    tmp_path: Path,
) -> None:
    store = await _opened(tmp_path)
    calls = [store.submit(Writes(calls=(call(f"S{n}"),))) for n in range(CHANGES + 50)]
    await asyncio.gather(*calls)
    async with asyncio.timeout(60):
        while await asyncio.to_thread(_in_the_database, tmp_path) < CHANGES:
            await asyncio.sleep(0.02)
    await store.close()


async def test_writes_go_on_though_there_is_no_room_for_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    store = await _opened(tmp_path)
    await store.submit(Writes(calls=(call("S"),)))
    monkeypatch.setattr(Thread, "start", no_room)
    async with asyncio.timeout(60):
        for _ in range(2):
            calls = (call(f"S{n}") for n in range(CHANGES + 50))
            await asyncio.gather(*[store.submit(Writes(calls=(one,))) for one in calls])
    monkeypatch.undo()
    await store.close()


async def test_the_log_stays_short_under_a_load_without_a_pause(tmp_path: Path) -> None:
    store = await _opened(tmp_path)
    log = tmp_path / f"{DATABASE_FILE}-wal"

    async def keep_writing(worker: int) -> None:
        for number in range(400):
            one = replace(call(f"S{worker}-{number}"), contact_tag="x" * 3000)
            await store.submit(Writes(calls=(one,)))

    await asyncio.gather(*[keep_writing(worker) for worker in range(20)])
    # 8,000 rows of one page each, and their indexes: without checkpoints it would be three times as long.
    assert log.stat().st_size <= 2 * MOST_PAGES * _PAGE_BYTES
    await store.close()


async def test_closing_waits_for_a_checkpoint_and_leaves_no_log(tmp_path: Path) -> None:
    store = await _opened(tmp_path)
    calls = [store.submit(Writes(calls=(call(f"S{n}"),))) for n in range(CHANGES)]
    await asyncio.gather(*calls)
    await store.close()
    assert not (tmp_path / f"{DATABASE_FILE}-wal").exists()
    assert _in_the_database(tmp_path) == CHANGES
