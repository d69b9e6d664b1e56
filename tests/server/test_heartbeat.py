"""The heartbeat vouches only for what is on disk before it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from onhook.calls import clock
from onhook.calls.journal import Journal
from onhook.server.heartbeat import beat
from onhook.store import Store, Writes
from onhook.store.database import Told
from onhook.store.orphans import last_alive
from store.samples import ACCOUNT, APPLICATION, call


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path)
    await opened.add_account(ACCOUNT)
    await opened.add_application(APPLICATION)
    yield opened
    await opened.close()


async def beats_until(store: Store, journal: Journal, busy: bool, rounds: asyncio.Event) -> None:
    asked = 0

    def is_busy() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            rounds.set()
        return busy

    task = asyncio.create_task(beat(store, journal, "me", is_busy, every_s=0.001))
    await asyncio.wait_for(rounds.wait(), 30)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("busy", [True, False])
async def test_it_is_written_while_there_are_calls(store: Store, busy: bool) -> None:
    await beats_until(store, Journal(store), busy, asyncio.Event())
    alive = await last_alive(store, "me")
    assert (alive is not None) is busy
    if alive is not None:
        assert alive.boot_id == clock.boot_id()
        assert 0 <= time.monotonic() * 1000 - alive.alive_mono_ms < 60_000


async def test_not_while_a_call_owes_something(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(store)
    with monkeypatch.context() as broken:
        broken.setattr(store, "write", _refuse)
        tried: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        over = Writes(calls=(call(state="ended"),))
        journal.write("S1", over, on_disk=lambda: None, tried=tried.set_result)
        assert isinstance(await tried, OperationalError)
    await beats_until(store, journal, True, asyncio.Event())
    journal.close()
    assert await last_alive(store, "me") is None


def _refuse(_: Writes, told: Told, *, patient: bool = False) -> None:
    error = OperationalError("INSERT", None, Exception("disk full"))
    asyncio.get_running_loop().call_soon(told, error)
