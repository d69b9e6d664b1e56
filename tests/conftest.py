"""What several parts' tests share."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from store.postgresql import PostgreSQL

# How long an example takes, or its making, is the machine's affair.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server for the whole session; whoever uses it takes a new database."""
    with PostgreSQL() as server:
        yield server
