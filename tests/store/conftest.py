"""A store in a directory of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from onhook.store import Store
from store.samples import ACCOUNT


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path)
    await opened.add_account(ACCOUNT)
    yield opened
    await opened.close()
