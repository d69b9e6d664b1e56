"""Of two processes that are one worker, only the one with the newest number writes."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from onhook.store import (
    Lease,
    LeaseLost,
    LeaseRecord,
    NotificationOutcome,
    Store,
    StoreError,
    Writes,
)
from onhook.store.leases import find_lease, take_lease
from onhook.store.numbers import forward
from onhook.store.reports import claim_replays
from store.postgresql import PostgreSQL
from store.samples import APPLICATION, NUMBER, call, notification, open_calls


def wanted(place: str) -> LeaseRecord:
    return LeaseRecord("me", 0, 0, 10_000, place, f"somebody at {place}")


async def take(store: Store, place: str) -> Lease:
    lease = await take_lease(store, await find_lease(store, "me"), wanted(place))
    assert lease is not None
    store.write_under(lease)
    return lease


@pytest.fixture
async def other(tmp_path: Path, database_url: str, store: Store) -> AsyncIterator[Store]:
    """Another process on the same database."""
    await store.add_application(APPLICATION)
    await store.add_number(NUMBER)
    opened = await Store.open(tmp_path, database_url)
    yield opened
    await opened.close()


async def test_every_lease_has_the_next_number(store: Store, other: Store) -> None:
    assert await find_lease(store, "me") is None
    assert [(await take(one, "here")).number for one in (store, other)] == [1, 2]
    found = await find_lease(store, "me")
    assert found == LeaseRecord("me", 2, 0, 10_000, "here", "somebody at here")


async def test_a_process_whose_number_is_old_writes_nothing_more(
    store: Store, other: Store
) -> None:
    old = await take(store, "here")
    told = notification("S1", 1)
    replay = NotificationOutcome(told.notification_id, "replay", 1, None, None)
    ringing = Writes((call(state="ringing"),), notifications=(told,), outcomes=(replay,))
    await store.submit(ringing)
    new = await take(other, "there")
    later = Writes(calls=(call(state="ended"), call("S2")), notifications=(notification("S1", 2),))
    with pytest.raises(LeaseLost, match=r"its number is 2, this one's 1"):
        await store.submit(later)
    with pytest.raises(StoreError, match="LeaseLost"):
        await forward(store, NUMBER.number, "http://elsewhere.example/")
    with pytest.raises(LeaseLost):
        await claim_replays(store)
    with pytest.raises(LeaseLost):
        await old.renew()
    assert old.lost.is_set()
    assert await open_calls(other) == [call(state="ringing")]
    assert await other.number(NUMBER.number) == NUMBER
    await other.submit(later)
    assert [one.session for one in await open_calls(other)] == ["S2"]
    assert not new.lost.is_set()


async def test_of_those_who_want_a_lease_at_once_one_gets_it(store: Store, other: Store) -> None:
    for seen in (None, wanted("here")):
        before = await find_lease(store, "me")
        assert (before is None) is (seen is None)
        takes = [take_lease(one, before, wanted(place)) for one, place in zip_places(store, other)]
        leases = [lease for lease in await asyncio.gather(*takes) if lease is not None]
        assert [lease.number for lease in leases] == [2 if before else 1]


def zip_places(*stores: Store) -> list[tuple[Store, str]]:
    return [(one, f"place {number}") for number, one in enumerate(stores)]


async def test_one_that_was_renewed_meanwhile_is_not_taken(store: Store, other: Store) -> None:
    lease = await take(store, "here")
    seen = await find_lease(store, "me")
    await lease.renew()
    assert await take_lease(other, seen, wanted("there")) is None
    await store.submit(Writes(calls=(call(),)))


async def test_it_is_not_taken_in_the_middle_of_a_transaction(
    store: Store, other: Store, database_url: str
) -> None:
    """What a process has begun to write while it had the lease is on disk before the next one has it."""
    await take(store, "here")
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    order: list[str] = []

    def slow(connection: Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        if database_url:
            connection.exec_driver_sql("SELECT pg_sleep(0.3)")
        else:
            time.sleep(0.3)
        order.append("written")  # and not committed yet

    writing = asyncio.create_task(store.database.transact(slow))
    await begun.wait()
    await take(other, "there")
    order.append("taken")
    await writing
    assert order == ["written", "taken"]
    with pytest.raises(LeaseLost):
        await store.submit(Writes(calls=(call(),)))


@pytest.mark.slow
async def test_whoever_stands_still_in_a_transaction_keeps_nobody_out_for_ever(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    """As if its machine were suspended: PostgreSQL ends the session, and with it the lock on the lease."""
    url = postgresql.new_database()
    stores = [await Store.open(tmp_path, url) for _ in range(2)]
    lease = await take(stores[0], "here")
    await lease.renew()
    begun, awake = asyncio.Event(), asyncio.Event()

    def stands_still(_connection: Connection) -> None:
        begun.set()
        await_only(awake.wait())

    writing = asyncio.create_task(stores[0].database.transact(stands_still))
    await begun.wait()
    assert (await take(stores[1], "there")).number == 2
    awake.set()
    with pytest.raises(LeaseLost):
        await writing
    for store in stores:
        await store.close()


async def test_closing_gives_it_up_and_a_lost_one_is_let_be(
    store: Store, tmp_path: Path, database_url: str
) -> None:
    for place in ("", "there"):
        one = await Store.open(tmp_path, database_url)
        await take(one, "here")
        if place:
            await take(store, place)
        await one.close()
        found = await find_lease(store, "me")
        assert found is not None
        assert found.place == place
