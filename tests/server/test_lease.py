"""Who waits for a lease, who gets it at once, and who does not get it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from onhook.server import lease as leases
from onhook.server.lease import WorkerInUse, keep, take, unless
from onhook.server.occupancy import occupied
from onhook.store import Lease, LeaseLost, LeaseRecord, Store, Writes, schema
from onhook.store.leases import find_lease
from store.postgresql import PostgreSQL

LONG_S = 3600.0
RENEWED_S = 3.0
"""A lease that is kept: long enough that a busy machine does not let it expire between two renewals."""
PATIENCE_S = 60.0


class Site:
    """A data directory that is locked, and the database of all of them."""

    def __init__(self, data: Path, store: Store) -> None:
        self.data = data
        self.store = store

    async def take(self, lease_s: float) -> Lease:
        async with asyncio.timeout(PATIENCE_S):
            return await take(self.store, "me", self.data, lease_s)


@asynccontextmanager
async def site(data: Path, url: str) -> AsyncIterator[Site]:
    await asyncio.to_thread(data.mkdir, exist_ok=True)
    with occupied(data):
        store = await Store.open(data, url)
        try:
            yield Site(data, store)
        finally:
            store.database.guard = None  # killed: it gives nothing up
            store._lease = None
            await store.close()


@pytest.fixture
def url(postgresql: PostgreSQL) -> str:
    return postgresql.new_database()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often somebody has looked at a lease."""
    seen: list[str] = []

    async def look(store: Store, owner: str) -> LeaseRecord | None:
        seen.append(owner)
        return await find_lease(store, owner)

    monkeypatch.setattr(leases, "find_lease", look)
    return seen


async def begun_to_wait(there: Site, lease_s: float, looks: list[str]) -> "asyncio.Task[Lease]":
    """Somebody who has seen the lease, and waits for what becomes of it."""
    before = len(looks)
    waiting = asyncio.create_task(there.take(lease_s))
    async with asyncio.timeout(PATIENCE_S):
        while len(looks) < before + 2:
            assert not waiting.done()
            await asyncio.sleep(0.01)
    return waiting


async def test_a_restart_on_the_same_data_directory_waits_for_nobody(
    tmp_path: Path, url: str
) -> None:
    for number in (1, 2, 3):
        async with site(tmp_path, url) as here:
            assert (await here.take(LONG_S)).number == number


async def test_on_sqlite_the_lock_of_the_directory_is_enough(tmp_path: Path) -> None:
    for number, place in ((1, "of one boot"), (2, "of another boot")):
        async with site(tmp_path, "") as here:
            assert (await here.take(LONG_S)).number == number
            await here.store.database.transact(partial(move, place))


def move(place: str, connection: Connection) -> None:
    connection.execute(update(schema.leases).values(place=place))


async def test_one_that_was_given_up_is_free(tmp_path: Path, url: str) -> None:
    async with site(tmp_path / "a", url) as here, site(tmp_path / "b", url) as there:
        await (await here.take(LONG_S)).release()
        assert (await there.take(LONG_S)).number == 2


async def test_one_that_is_given_up_meanwhile_is_not_waited_for(
    tmp_path: Path, url: str, looks: list[str]
) -> None:
    async with site(tmp_path / "a", url) as here, site(tmp_path / "b", url) as there:
        lease = await here.take(2)
        waiting = await begun_to_wait(there, 2, looks)
        await lease.release()
        assert (await waiting).number == 2


async def test_one_that_is_not_renewed_is_taken_when_it_has_expired(
    tmp_path: Path, url: str
) -> None:
    async with site(tmp_path / "a", url) as here, site(tmp_path / "b", url) as there:
        old = await here.take(0.4)
        began = asyncio.get_running_loop().time()
        assert (await there.take(0.1)).number == 2
        # For as long as its holder's lease lasts, however short one's own is.
        assert asyncio.get_running_loop().time() - began >= 0.4
        with pytest.raises(LeaseLost):
            await here.store.submit(Writes())
        assert old.lost.is_set()


async def test_one_that_is_renewed_is_not_taken(tmp_path: Path, url: str) -> None:
    async with site(tmp_path / "a", url) as here, site(tmp_path / "b", url) as there:
        lease = await here.take(RENEWED_S)
        keeping = asyncio.create_task(keep(here.store, lease, RENEWED_S))
        with pytest.raises(
            WorkerInUse, match=r"The worker me is another server \(.+, process \d+\)"
        ):
            await there.take(RENEWED_S)
        await here.store.submit(Writes())
        keeping.cancel()


async def test_time_without_a_database_does_not_count(tmp_path: Path, looks: list[str]) -> None:
    async with AsyncExitStack() as stack:
        database = stack.enter_context(PostgreSQL())
        url = database.new_database()
        here = await stack.enter_async_context(site(tmp_path / "a", url))
        there = await stack.enter_async_context(site(tmp_path / "b", url))
        lease = await here.take(RENEWED_S)
        keeping = asyncio.create_task(keep(here.store, lease, RENEWED_S))
        waiting = await begun_to_wait(there, RENEWED_S, looks)
        await asyncio.to_thread(database.stop)
        stopped, loop = len(looks), asyncio.get_running_loop()
        began_s = loop.time()
        while loop.time() - began_s < 1.2 * RENEWED_S or len(looks) < stopped + 2:
            assert not waiting.done()
            await asyncio.sleep(0.05)
        await asyncio.to_thread(database.start)
        with pytest.raises(WorkerInUse):
            await waiting
        keeping.cancel()


async def test_whoever_is_to_stop_does_not_wait(tmp_path: Path, url: str) -> None:
    stop = asyncio.Event()
    async with site(tmp_path / "a", url) as here, site(tmp_path / "b", url) as there:
        await here.take(LONG_S)
        asyncio.get_running_loop().call_later(0.05, stop.set)
        assert await unless(stop, there.take(LONG_S)) is None
        found = await find_lease(here.store, "me")
        assert found is not None
        assert found.number == 1


async def test_a_lease_that_was_lost_is_not_renewed(tmp_path: Path, url: str) -> None:
    async with site(tmp_path / "a", url) as here, site(tmp_path / "b", url) as there:
        old = await here.take(0.1)
        await there.take(0.1)
        await asyncio.wait_for(keep(here.store, old, 0.1), PATIENCE_S)
        assert old.lost.is_set()
