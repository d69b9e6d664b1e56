"""Applications of the kit, and phones that call them in the simulator."""

import asyncio
from collections.abc import Iterator, Mapping
from queue import SimpleQueue
from typing import Any

import pytest

from onhook.app import App
from onhook.client.transport import AiohttpTransport, Reply
from onhook.simulator import Phone, Simulator

NUMBER, OFFICE, HOME = "+6531234567", "+6561112222", "+6563334444"


@pytest.fixture(scope="package")
def simulator() -> Iterator[Simulator]:
    with Simulator() as one:
        yield one


class Said:
    """What a function, in a thread of its own, says to the test."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._queue: SimpleQueue[object] = SimpleQueue()

    def put(self, what: object) -> None:
        self._queue.put(what)

    def get(self) -> Any:
        """The next; waits for it."""
        assert self._simulator.wait(lambda: not self._queue.empty(), 60), self._simulator.story
        return self._queue.get_nowait()


@pytest.fixture
def said(simulator: Simulator) -> Said:
    return Said(simulator)


class LateReplies(AiohttpTransport):
    """What the server has replied is on its way until the test says that it arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.arrives = asyncio.Event()
        self.arrives.set()

    async def post(
        self, url: str, headers: Mapping[str, str], form: Mapping[str, str], timeout_s: float
    ) -> Reply:
        reply = await super().post(url, headers, form, timeout_s)
        await self.arrives.wait()
        return reply


@pytest.fixture
def replies() -> LateReplies:
    return LateReplies()


@pytest.fixture
def app(simulator: Simulator, replies: LateReplies) -> App:
    return App(
        api=simulator.url,
        app_id=simulator.app_id,
        access_token=simulator.access_token,
        url=simulator.ivr_url,
        transport=replies,
    )


@pytest.fixture
def phone(simulator: Simulator, app: App) -> Iterator[Phone]:
    simulator.serve(app)
    simulator.begin_anew()
    yield Phone(simulator)
    simulator.begin_anew()
