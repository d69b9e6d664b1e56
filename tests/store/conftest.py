"""A store of its own, on SQLite and on PostgreSQL: every test that takes it runs on both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from onhook.store import Store
from store.postgresql import PostgreSQL
from store.samples import ACCOUNT


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """What names the test's own database; nothing for SQLite in the data directory."""
    if request.param == "sqlite":
        return ""
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
async def store(tmp_path: Path, database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path, database_url)
    await opened.add_account(ACCOUNT)
    yield opened
    await opened.close()
