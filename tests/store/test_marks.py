"""Whether anything was written is told by the files of SQLite, whoever wrote."""

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from onhook.store import Store, marks
from onhook.store.marks import mark


@pytest.fixture(autouse=True)
def young(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where files are dated to some milliseconds."""
    monkeypatch.setattr(marks, "_YOUNG_NS", 200_000_000)


async def settled(store: Store) -> object:
    """The mark, once what was written is old enough to have one."""
    async with asyncio.timeout(60):
        while (found := mark(store.database)) is None:
            await asyncio.sleep(0.02)
    return found


async def test_a_commit_of_any_process_is_another_mark(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    other = sqlite3.connect(store.database.name, isolation_level=None)
    try:
        other.execute("SELECT * FROM applications").fetchall()  # the first makes the log
        seen = await settled(store)
        other.execute("SELECT * FROM applications").fetchall()
        assert mark(store.database) == seen, "to look is not to write"
        for write in (
            "CREATE TABLE strange (x)",
            "INSERT INTO strange VALUES (1)",
            "UPDATE strange SET x = 3",
            "PRAGMA wal_checkpoint(TRUNCATE)",
            "INSERT INTO strange VALUES (2)",
        ):
            other.execute(write)
            now = mark(store.database)
            assert now != seen, write
            seen = await settled(store)
    finally:
        other.close()
        await store.close()


async def test_what_was_written_a_moment_ago_has_no_mark_nor_has_what_is_gone(
    tmp_path: Path,
) -> None:
    store = await Store.open(tmp_path)
    try:
        await settled(store)
        an_hour = os.path.getmtime(store.database.name) + 3600  # noqa: PTH204, ASYNC240
        os.utime(store.database.name, (an_hour, an_hour))
        assert mark(store.database) is None, "the clock was set back since"
        os.unlink(store.database.name)  # noqa: PTH108
        assert mark(store.database) is None
    finally:
        await store.close()
