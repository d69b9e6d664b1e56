"""What is written can be read again, by this process and by the next."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import AttemptRecord, NotificationOutcome, Store, StoreError, Writes
from onhook.store.sql import DATABASE_FILE
from store.samples import ACCOUNT, APPLICATION, NUMBER, call, notification


async def test_applications_and_numbers(store: Store) -> None:
    await store.add_application(APPLICATION)
    assert await store.add_number(NUMBER)
    assert not await store.add_number(NUMBER)
    assert await store.application(APPLICATION.app_id) == APPLICATION
    assert await store.application_by_token(APPLICATION.token_hash) == APPLICATION
    assert await store.number(NUMBER.number) == NUMBER
    assert await store.application("nobody") is None
    assert await store.number("+650") is None


async def test_a_call_and_its_notifications_outlive_the_process(tmp_path: Path) -> None:
    first = await Store.open(tmp_path)
    await first.add_account(ACCOUNT)
    await first.add_application(APPLICATION)
    await first.submit(Writes(calls=(call(),), notifications=(notification("S1", 1),)))
    await first.submit(Writes(calls=(call(state="ended", ended_ms=5),)))
    await first.submit(Writes(calls=(call("S2"),), notifications=(notification("S2", 1),)))
    await first.close()
    second = await Store.open(tmp_path)
    assert await second.call("S1") == call(state="ended", ended_ms=5)
    assert [open_call.session for open_call in await second.open_calls()] == ["S2"]
    assert list(await second.undelivered()) == [notification("S1", 1), notification("S2", 1)]
    await second.close()


async def test_an_outcome_ends_a_notification(store: Store) -> None:
    await store.add_application(APPLICATION)
    told = Writes(calls=(call(),), notifications=(notification("S1", 1), notification("S1", 2)))
    await store.submit(told)
    failed = NotificationOutcome("msg_S1_1", "pending", 1, 7, 9)
    tried = AttemptRecord("msg_S1_1", 1, 7, 30, 500, "")
    await store.submit(Writes(attempts=(tried,), outcomes=(failed,)))
    again = notification("S1", 1, attempts=1, first_attempt_ms=7, next_ms=9)
    assert list(await store.undelivered()) == [again, notification("S1", 2)]
    delivered = NotificationOutcome("msg_S1_1", "delivered", 2, None, None)
    await store.submit(Writes(outcomes=(delivered,)))
    assert list(await store.undelivered()) == [notification("S1", 2)]


async def test_the_first_attempt_is_not_forgotten_by_later_ones(store: Store) -> None:
    await store.add_application(APPLICATION)
    await store.submit(Writes(calls=(call(),), notifications=(notification("S1", 1),)))
    await store.submit(Writes(outcomes=(NotificationOutcome("msg_S1_1", "pending", 1, 7, 9),)))
    await store.submit(Writes(outcomes=(NotificationOutcome("msg_S1_1", "pending", 2, None, 19),)))
    [waiting] = await store.undelivered()
    assert (waiting.attempts, waiting.first_attempt_ms, waiting.next_ms) == (2, 7, 19)


async def test_writes_of_many_calls_share_a_transaction(store: Store) -> None:
    await store.add_application(APPLICATION)
    await asyncio.gather(
        *[
            store.submit(Writes(calls=(call(f"S{n}"),), notifications=(notification(f"S{n}", 1),)))
            for n in range(500)
        ]
    )
    assert len(await store.open_calls()) == 500
    assert len(await store.undelivered()) == 500


async def test_a_later_state_of_a_call_wins_within_one_transaction(store: Store) -> None:
    await store.add_application(APPLICATION)
    states = ["ringing", "running", "closing", "ended"]
    await asyncio.gather(*[store.submit(Writes(calls=(call(state=state),))) for state in states])
    record = await store.call("S1")
    assert record is not None
    assert record.state == "ended"


async def test_a_refused_write_is_reported_and_harms_no_later_one(store: Store) -> None:
    await store.add_application(APPLICATION)
    orphan = store.submit(Writes(notifications=(notification("nobody", 1),)))
    with pytest.raises(SQLAlchemyError):
        await orphan
    await store.submit(Writes(calls=(call(),)))
    assert await store.call("S1") == call()


async def test_one_broken_write_does_not_take_its_neighbours_along(store: Store) -> None:
    await store.add_application(APPLICATION)
    good = [store.submit(Writes(calls=(call(f"S{n}"),))) for n in range(3)]
    bad = store.submit(Writes(notifications=(notification("nobody", 1),)))
    await asyncio.gather(*good)
    with pytest.raises(SQLAlchemyError):
        await bad
    assert len(await store.open_calls()) == 3


async def test_closing_writes_what_was_submitted(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    written = store.submit(Writes(calls=(call(),)))
    await store.close()
    assert written.done()
    with sqlite3.connect(tmp_path / DATABASE_FILE) as database:
        assert database.execute("SELECT session FROM calls").fetchall() == [("S1",)]


async def test_two_processes_use_one_database(store: Store, tmp_path: Path) -> None:
    other = await Store.open(tmp_path)
    await other.add_application(APPLICATION)
    assert await store.application(APPLICATION.app_id) == APPLICATION
    await other.close()


async def test_a_file_that_is_no_database_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        await Store.open(tmp_path)


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    await (await Store.open(tmp_path)).close()
    with sqlite3.connect(tmp_path / DATABASE_FILE) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="version 9999"):
        await Store.open(tmp_path)
