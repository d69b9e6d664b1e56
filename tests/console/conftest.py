"""One server for all tests of a worker, and browsers that are signed in to its console."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from acceptance.conftest import again as again
from acceptance.conftest import callee as callee
from acceptance.conftest import customer as customer
from acceptance.conftest import files as files
from acceptance.conftest import line as line
from acceptance.conftest import phone as phone
from acceptance.conftest import receiver as receiver
from acceptance.conftest import start as start
from acceptance.harness import Onhook
from console.harness import Browser, add_operator
from onhook.console.roles import Role

SignedIn = Callable[..., Awaitable[Browser]]


@pytest.fixture(scope="session")
def server() -> Iterator[Onhook]:
    running = Onhook()
    yield running
    running.close()


@pytest.fixture
async def signed_in(server: Onhook) -> AsyncIterator[SignedIn]:
    """``await signed_in(Role.OPERATE)``: a browser of a new operator who has signed in."""
    opened: list[Browser] = []

    async def make(role: Role = Role.ADMINISTER, at: Onhook | None = None) -> Browser:
        where = at or server
        name = await add_operator(where, role)
        browser = Browser(where.url)
        opened.append(browser)
        page = await browser.sign_in(name)
        assert page.status == 303, page.text
        return browser

    yield make
    for one in opened:
        await one.__aexit__(None, None, None)


@pytest.fixture
async def browser(server: Onhook) -> AsyncIterator[Browser]:
    """One that has not signed in, at a server that has an operator."""
    await add_operator(server, Role.LOOK)
    async with Browser(server.url) as one:
        yield one
