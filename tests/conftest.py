"""What several parts' tests share."""

from collections.abc import Iterator

import pytest

from store.postgresql import PostgreSQL


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server for the whole session; whoever uses it takes a new database."""
    with PostgreSQL() as server:
        yield server
