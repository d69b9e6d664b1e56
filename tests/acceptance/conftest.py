"""One server for all tests of a worker; each test has its own application, number, phone and receiver."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from acceptance.files import FileServer
from acceptance.harness import Callee, Customer, Onhook, TrunkLine, lay_trunk
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from ports import fresh_port


@pytest.fixture(scope="session")
def server() -> Iterator[Onhook]:
    running = Onhook()
    yield running
    running.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Onhook]]:
    """Starts servers with settings of their own."""
    started: list[Onhook] = []

    def start_one(**settings: str) -> Onhook:
        started.append(Onhook(settings))
        return started[-1]

    yield start_one
    for one in started:
        one.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Callable[..., Onhook]]:
    """Servers with settings of their own, one of each for all tests of a module: none may end it, or ask
    what is in its log of others."""
    started: dict[frozenset[tuple[str, str]], Onhook] = {}

    def the_one(**settings: str) -> Onhook:
        which = frozenset(settings.items())
        if which not in started:
            started[which] = Onhook(settings)
        return started[which]

    yield the_one
    for one in started.values():
        one.close()


@pytest.fixture
def again() -> Iterator[Callable[[Onhook], Onhook]]:
    """Starts a server on the data directory of one that was killed."""
    started: list[Onhook] = []

    def start_one(before: Onhook) -> Onhook:
        started.append(Onhook(before.settings, before.data))
        return started[-1]

    yield start_one
    for one in started:
        one.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    # A server goes on sending to the receivers of tests that are over: none has the port of another.
    async with Receiver(port=fresh_port(), repeats=False) as one:
        yield one


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with Phone() as one:
        yield one


@pytest.fixture
async def customer(server: Onhook, receiver: Receiver, phone: Phone) -> Customer:
    return await Customer.make(server, receiver, phone)


@pytest.fixture(scope="session")
def line(server: Onhook) -> TrunkLine:
    """The trunk of the server that all tests of a worker share."""
    return lay_trunk(server)


@pytest.fixture
async def callee(line: TrunkLine) -> AsyncIterator[Callee]:
    """Somebody behind the trunk of the server."""
    async with Phone(port=line.port) as one:
        yield Callee(one, line)


@pytest.fixture
async def files() -> AsyncIterator[FileServer]:
    async with FileServer() as one:
        yield one
