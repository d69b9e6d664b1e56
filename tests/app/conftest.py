"""Applications of the kit, and phones that call them in the simulator."""

from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from onhook.app import App
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


@pytest.fixture
def app(simulator: Simulator) -> App:
    return App(
        api=simulator.url,
        app_id=simulator.app_id,
        access_token=simulator.access_token,
        url=simulator.ivr_url,
    )


@pytest.fixture
def phone(simulator: Simulator, app: App) -> Iterator[Phone]:
    simulator.serve(app)
    simulator.begin_anew()
    yield Phone(simulator)
    simulator.begin_anew()
