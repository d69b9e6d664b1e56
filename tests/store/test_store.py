"""What is written can be read again, by this process and by the next."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import (
    AttemptRecord,
    NotificationOutcome,
    Number,
    Store,
    StoreError,
    Writes,
    writer,
)
from onhook.store.connecting import connect
from onhook.store.migrations import migrate
from onhook.store.sqlite import DATABASE_FILE
from store.samples import ACCOUNT, APPLICATION, NUMBER, call, notification, open_calls


async def test_applications_and_numbers(store: Store) -> None:
    await store.add_application(APPLICATION)
    assert await store.add_number(NUMBER)
    assert not await store.add_number(NUMBER)
    assert await store.application(APPLICATION.app_id) == APPLICATION
    assert await store.application_by_token(APPLICATION.token_hash) == APPLICATION
    assert await store.number(NUMBER.number) == NUMBER
    assert await store.application("nobody") is None
    assert await store.number("+650") is None


async def test_a_call_and_its_notifications_outlive_the_process(
    tmp_path: Path, database_url: str
) -> None:
    first = await Store.open(tmp_path, database_url)
    await first.add_account(ACCOUNT)
    await first.add_application(APPLICATION)
    await first.submit(Writes(calls=(call(),), notifications=(notification("S1", 1),)))
    await first.submit(Writes(calls=(call(state="ended", ended_ms=5),)))
    await first.submit(Writes(calls=(call("S2"),), notifications=(notification("S2", 1),)))
    await first.close()
    second = await Store.open(tmp_path, database_url)
    assert await second.call("S1") == call(state="ended", ended_ms=5)
    assert [open_call.session for open_call in await open_calls(second)] == ["S2"]
    assert list(await second.undelivered("me")) == [notification("S1", 1), notification("S2", 1)]
    await second.close()


async def test_an_outcome_ends_a_notification(store: Store) -> None:
    await store.add_application(APPLICATION)
    told = Writes(calls=(call(),), notifications=(notification("S1", 1), notification("S1", 2)))
    await store.submit(told)
    failed = NotificationOutcome("msg_S1_1", "pending", 1, 7, 9)
    tried = AttemptRecord("msg_S1_1", 1, 7, 30, 500, "")
    await store.submit(Writes(attempts=(tried,), outcomes=(failed,)))
    again = notification("S1", 1, attempts=1, first_attempt_ms=7, next_ms=9)
    assert list(await store.undelivered("me")) == [again, notification("S1", 2)]
    delivered = NotificationOutcome("msg_S1_1", "delivered", 2, None, None)
    await store.submit(Writes(outcomes=(delivered,)))
    assert list(await store.undelivered("me")) == [notification("S1", 2)]


async def test_the_first_attempt_is_not_forgotten_by_later_ones(store: Store) -> None:
    await store.add_application(APPLICATION)
    await store.submit(Writes(calls=(call(),), notifications=(notification("S1", 1),)))
    await store.submit(Writes(outcomes=(NotificationOutcome("msg_S1_1", "pending", 1, 7, 9),)))
    await store.submit(Writes(outcomes=(NotificationOutcome("msg_S1_1", "pending", 2, None, 19),)))
    [waiting] = await store.undelivered("me")
    assert (waiting.attempts, waiting.first_attempt_ms, waiting.next_ms) == (2, 7, 19)


async def test_writes_of_many_calls_share_a_transaction(store: Store) -> None:
    await store.add_application(APPLICATION)
    await asyncio.gather(
        *[
            store.submit(Writes(calls=(call(f"S{n}"),), notifications=(notification(f"S{n}", 1),)))
            for n in range(500)
        ]
    )
    assert len(await open_calls(store)) == 500
    assert len(await store.undelivered("me")) == 500


async def test_the_undelivered_can_be_read_part_by_part(store: Store) -> None:
    await store.add_application(APPLICATION)
    for session in ("S1", "S2", "s0", "Z"):
        told = tuple(notification(session, number) for number in range(3))
        await store.submit(Writes(calls=(call(session),), notifications=told))
    await store.submit(Writes(outcomes=(NotificationOutcome("msg_S2_0", "delivered", 1, 7, None),)))
    whole = list(await store.undelivered("me"))
    assert len(whole) == 11
    parts = [list(part) async for part in store.undelivered_parts("me", 5)]
    assert [len(part) for part in parts] == [5, 5, 1]
    assert [one for part in parts for one in part] == whole


async def test_a_later_state_of_a_call_wins_within_one_transaction(store: Store) -> None:
    await store.add_application(APPLICATION)
    states = ["ringing", "running", "closing", "ended"]
    await asyncio.gather(*[store.submit(Writes(calls=(call(state=state),))) for state in states])
    record = await store.call("S1")
    assert record is not None
    assert record.state == "ended"


@pytest.mark.parametrize("number", [1, 3, 16, 47])
async def test_each_of_many_calls_is_written_as_it_is_now(store: Store, number: int) -> None:
    await store.add_application(APPLICATION)
    for state in ("ringing", "running"):
        calls = [call(f"S{n}", state=state, tag=f"{state} {n}") for n in range(number)]
        await store.submit(Writes(calls=tuple(calls)))
    for n in range(number):
        assert await store.call(f"S{n}") == call(f"S{n}", state="running", tag=f"running {n}")


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
    assert len(await open_calls(store)) == 3


async def test_what_nobody_waits_for_goes_with_what_somebody_does(store: Store) -> None:
    """It costs no flush of its own, and keeps its place."""
    await store.add_application(APPLICATION)
    await store.submit(Writes(calls=(call(),), notifications=(notification("S1", 1),)))
    commits: list[Exception | None] = []
    store.watch_writes(commits.append)
    delivered = NotificationOutcome("msg_S1_1", "delivered", 1, 7, None)
    outcome = store.submit(Writes(outcomes=(delivered,)))
    order: list[str] = []
    outcome.add_done_callback(lambda _: order.append("outcome"))
    store.write(
        Writes(calls=(call(state="running"),)), lambda _: order.append("running"), patient=True
    )
    ended = store.submit(Writes(calls=(call(state="ended"),)))
    ended.add_done_callback(lambda _: order.append("ended"))
    await asyncio.gather(outcome, ended)
    assert commits == [None]
    assert sorted(order) == ["ended", "outcome", "running"]
    assert not await store.undelivered("me")
    record = await store.call("S1")
    assert record is not None
    assert record.state == "ended"


async def test_what_nobody_waits_for_is_written_without_company_too(store: Store) -> None:
    await store.add_application(APPLICATION)
    await store.submit(Writes(calls=(call(),), notifications=(notification("S1", 1),)))
    await store.submit(Writes(outcomes=(NotificationOutcome("msg_S1_1", "delivered", 1, 7, None),)))
    assert not await store.undelivered("me")


async def test_under_a_load_writes_share_commits_though_somebody_waits_for_each(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "APART_S", 3.0)
    monkeypatch.setattr(writer, "THICK_S", 60.0)
    commits: list[Exception | None] = []
    store.watch_writes(commits.append)
    await store.add_application(APPLICATION)
    await asyncio.gather(
        *[store.submit(Writes(calls=(call(f"S{n}"),))) for n in range(writer.THICK)]
    )
    commits.clear()
    first = store.submit(Writes(calls=(call("S98"),)))
    await asyncio.sleep(0.1)  # a writer without a load would have it by now
    await asyncio.gather(first, store.submit(Writes(calls=(call("S99"),))))
    assert commits == [None]


async def test_without_a_load_no_write_waits_for_another(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "APART_S", 3600.0)
    await store.add_application(APPLICATION)
    for n in range(writer.THICK - 1):
        await store.submit(Writes(calls=(call(f"S{n}"),)))


async def test_one_listener_that_fails_does_not_keep_the_others_from_hearing(store: Store) -> None:
    await store.add_application(APPLICATION)
    failures: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fail(_: Exception | None) -> None:
        raise LookupError("as a test wants it")

    store.write(Writes(calls=(call(),)), fail, patient=True)
    await store.submit(Writes(calls=(call("S2"),)))
    assert [type(failure) for failure in failures] == [LookupError]


async def test_closing_writes_what_was_submitted(tmp_path: Path, database_url: str) -> None:
    store = await Store.open(tmp_path, database_url)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    written = store.submit(Writes(calls=(call(),)))
    await store.close()
    assert written.done()
    another = await Store.open(tmp_path, database_url)
    assert await another.call("S1") == call()
    await another.close()


async def test_two_processes_use_one_database(
    store: Store, tmp_path: Path, database_url: str
) -> None:
    other = await Store.open(tmp_path, database_url)
    await other.add_application(APPLICATION)
    assert await store.application(APPLICATION.app_id) == APPLICATION
    await other.close()


async def test_a_file_that_is_no_database_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        await Store.open(tmp_path)


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path, database_url: str) -> None:
    store = await Store.open(tmp_path, database_url)
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await store.database.transact(lambda connection: connection.execute(newer).rowcount)
    await store.close()
    with pytest.raises(StoreError, match="version 9999"):
        await Store.open(tmp_path, database_url)


async def test_a_write_may_be_made_twice(store: Store) -> None:
    """After a connection was lost in a commit, nobody knows whether it came about."""
    await store.add_application(APPLICATION)
    tried = AttemptRecord("msg_S1_1", 1, 7, 30, 200, "")
    stands = NotificationOutcome("msg_S1_1", "delivered", 1, 7, None)
    told = Writes((call(),), (notification("S1", 1),), (tried,), (stands,))
    await store.submit(told)
    await store.submit(told)
    assert await store.call("S1") == call()
    assert list(await store.undelivered("me")) == []


async def test_a_number_of_an_event_is_given_once(store: Store) -> None:
    await store.add_application(APPLICATION)
    await store.submit(Writes(calls=(call(),), notifications=(notification("S1", 1),)))
    other = notification("S1", 1, notification_id="another")
    with pytest.raises(SQLAlchemyError):
        await store.submit(Writes(notifications=(other,)))


async def test_many_processes_may_start_at_once(tmp_path: Path, database_url: str) -> None:
    stores = await asyncio.gather(*[Store.open(tmp_path, database_url) for _ in range(8)])
    assert await stores[0].add_account(ACCOUNT)
    assert [await store.account(ACCOUNT.account_id) for store in stores] == [ACCOUNT] * 8
    for store in stores:
        await store.close()


async def test_an_old_database_is_brought_up_to_date(tmp_path: Path, database_url: str) -> None:
    database = connect(tmp_path, database_url)
    insert = "INSERT INTO applications VALUES ('a', 'shop', 'hash', 'token', 'secret', 7)"
    number = "INSERT INTO numbers VALUES ('+651', 'a', 'http://x/', 8)"

    def old(connection: Connection) -> None:
        migrate(connection, "0001")
        connection.execute(text(insert))
        connection.execute(text(number))

    await database.migrate(old)
    await database.close()
    store = await Store.open(tmp_path, database_url)
    assert await store.number("+651") == Number("+651", "a", "http://x/", 8)
    application = await store.application("a")
    assert application is not None
    assert application.account_id == "main"
    await store.close()


async def test_a_worker_is_given_the_notifications_of_its_own_calls_only(store: Store) -> None:
    await store.add_application(APPLICATION)
    mine, others = call("S1"), call("S2", owner="another")
    told = (notification("S1", 1), notification("S2", 1))
    await store.submit(Writes(calls=(mine, others), notifications=told))
    assert list(await store.undelivered("me")) == [notification("S1", 1)]
    assert list(await store.undelivered("another")) == [notification("S2", 1)]
