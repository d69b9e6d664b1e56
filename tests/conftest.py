"""What several parts' tests share."""

import os
import signal
from collections.abc import Generator, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

import server_logs
from scratch import Scratch
from store.postgresql import PostgreSQL

_SCRATCH = pytest.StashKey[Scratch]()

# How long an example takes, or its making, is the machine's affair. The examples of a test are always the
# same, so that a run says what has changed and nothing else; `make test EXPLORE=1` tries others.
EXPLORES = bool(os.environ.get("EXPLORE"))
settings.register_profile(
    "any machine",
    deadline=None,
    derandomize=not EXPLORES,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

# Programs that tests start are ended by Ctrl-C as from a terminal, also where these tests are run in the
# background of a script, which has it ignored.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """The files of this run have a place of their own."""
    config.stash[_SCRATCH] = Scratch()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What servers wrote up to here is of other tests."""
    server_logs.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure tells what the servers of the test wrote."""
    report = yield
    if report.failed:
        report.sections.extend(server_logs.sections())
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Whoever looks for why a test failed finds its files."""
    if exitstatus == pytest.ExitCode.OK:
        session.config.stash[_SCRATCH].remove()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command says how its whole process logs, and tests run commands in theirs: it holds for one test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server for the whole session; whoever uses it takes a new database."""
    with PostgreSQL(flushes=False) as server:
        yield server
