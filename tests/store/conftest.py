"""A store of its own, on SQLite and on PostgreSQL: every test that takes it runs on both."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from onhook.store import Store
from store.postgresql import PostgreSQL
from store.samples import ACCOUNT


@pytest.fixture(scope="session")
def laid_out(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What names a database of empty tables, to be copied: to make them takes longer."""
    url = postgresql.new_database()

    async def lay_out() -> None:
        store = await Store.open(tmp_path_factory.mktemp("laid-out"), url)
        await store.close()

    asyncio.run(lay_out())
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """What names the test's own database; nothing for SQLite in the data directory. It has tables only if the
    test takes a store, too."""
    if request.param == "sqlite":
        return ""
    server: PostgreSQL = request.getfixturevalue("postgresql")
    stored = "store" in request.fixturenames
    return server.new_database(request.getfixturevalue("laid_out") if stored else "")


@pytest.fixture
async def store(tmp_path: Path, database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path, database_url)
    await opened.add_account(ACCOUNT)
    yield opened
    await opened.close()
