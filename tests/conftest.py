"""What several parts' tests share."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from scratch import Scratch
from store.postgresql import PostgreSQL

_SCRATCH = pytest.StashKey[Scratch]()

# How long an example takes, or its making, is the machine's affair.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """The files of this run have a place of their own."""
    config.stash[_SCRATCH] = Scratch()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Whoever looks for why a test failed finds its files."""
    if exitstatus == pytest.ExitCode.OK:
        session.config.stash[_SCRATCH].remove()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server for the whole session; whoever uses it takes a new database."""
    with PostgreSQL() as server:
        yield server
