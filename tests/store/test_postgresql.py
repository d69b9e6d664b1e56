"""What only a database server can do: be away, come back, and want a password."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import Store, StoreError, Writes
from onhook.store.database import DatabaseUnreachable
from store.postgresql import PASSWORD, PostgreSQL
from store.samples import ACCOUNT, APPLICATION, call, open_calls


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A server that may be stopped without harm to other tests."""
    with PostgreSQL() as one:
        yield one


@pytest.fixture
async def store(tmp_path: Path, server: PostgreSQL) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path, server.new_database())
    await opened.add_account(ACCOUNT)
    await opened.add_application(APPLICATION)
    yield opened
    await opened.close()


async def test_a_restart_of_the_server_costs_no_write(store: Store, server: PostgreSQL) -> None:
    await store.submit(Writes(calls=(call("before"),)))
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)
    await asyncio.gather(*[store.submit(Writes(calls=(call(f"S{n}"),))) for n in range(20)])
    assert len(await open_calls(store)) == 21


async def test_writes_fail_while_the_server_is_away_and_work_again_after(
    store: Store, server: PostgreSQL
) -> None:
    await asyncio.to_thread(server.stop)
    try:
        lost = [store.submit(Writes(calls=(call(f"lost{n}"),))) for n in range(20)]
        for write in lost:
            with pytest.raises(SQLAlchemyError):
                await write
        with pytest.raises(DatabaseUnreachable):
            await store.submit(Writes(calls=(call("lost"),)))
        with pytest.raises(StoreError):
            await open_calls(store)
    finally:
        await asyncio.to_thread(server.start)
    await store.submit(Writes(calls=(call("S1"),)))
    assert [one.session for one in await open_calls(store)] == ["S1"]


async def test_a_server_that_is_away_at_the_start_is_one_clear_sentence(
    tmp_path: Path, server: PostgreSQL
) -> None:
    url = server.new_database()
    await asyncio.to_thread(server.stop)
    try:
        with pytest.raises(
            StoreError, match=r"^The database 127\.0\.0\.1:\d+/\w+ cannot be"
        ) as told:
            await Store.open(tmp_path, url)
    finally:
        await asyncio.to_thread(server.start)
    assert "Connection refused" in str(told.value)
    _assert_no_secret(told.value)


async def test_a_wrong_password_is_one_clear_sentence(tmp_path: Path, server: PostgreSQL) -> None:
    url = server.new_database().replace("pass%2Fword", "wr0ng%2Fsecret")
    with pytest.raises(StoreError, match="password authentication failed") as told:
        await Store.open(tmp_path, url)
    assert "wr0ng" not in str(told.value)


async def test_a_server_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onhook.store import postgresql

    monkeypatch.setattr(postgresql, "_CONNECT_S", 0.1)
    silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(StoreError, match="does not answer in time"):
        await Store.open(tmp_path, f"postgresql://u:{PASSWORD[:4]}@127.0.0.1:{port}/d")
    silent.close()


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mysql://u:s3cret@host/db", "begin with postgresql://"),
        ("postgresql+psycopg://u:s3cret@host/db", "begin with postgresql://"),
        ("s3cret", "is not a database URL"),
        ("postgresql://u:s3cret@host:port/db", "is not a database URL"),
        ("postgresql://u:s3cret@host", "names no database"),
        ("postgresql://u:s3cret@host/db?password=s3cret", "option password"),
        ("postgresql://u:s3cret@127.0.0.1:1/db?sslmode=s3cret", "sslmode"),
    ],
)
async def test_a_url_that_cannot_be_used_is_one_clear_sentence(
    tmp_path: Path, url: str, what: str
) -> None:
    with pytest.raises(StoreError, match=what) as told:
        await Store.open(tmp_path, url)
    assert "s3cret" not in str(told.value)


async def test_a_write_that_is_cut_off_harms_no_later_one(store: Store) -> None:
    """The task that writes is cancelled when the process has to end at once."""
    cut = asyncio.create_task(store.database.transact(lambda _connection: None))
    await asyncio.sleep(0)
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    await store.submit(Writes(calls=(call("S1"),)))
    assert await store.call("S1") == call("S1")


def _assert_no_secret(error: BaseException) -> None:
    """Not in the message, nor in those of its causes, which a traceback would show."""
    seen: BaseException | None = error
    while seen is not None:
        assert PASSWORD not in str(seen)
        seen = seen.__cause__ or seen.__context__
