import asyncio

import pytest

from onhook.flights import Flights


class Work:
    """A flight that lands when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return number


async def settled() -> None:
    """Let everything that can run now, run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_asks_at_the_same_time_shares_one_flight() -> None:
    flights, work = Flights[int](), Work()
    waiting = [asyncio.create_task(flights.join("key", work)) for _ in range(3)]
    await settled()
    work.go.set()
    assert await asyncio.gather(*waiting) == [1, 1, 1]
    assert len(flights) == 0
    assert await flights.join("key", work) == 2


async def test_other_keys_are_other_flights() -> None:
    flights, work = Flights[int](), Work()
    work.go.set()
    assert await asyncio.gather(*(flights.join(key, work) for key in "ab")) == [1, 2]


async def test_everybody_hears_of_a_failure_and_the_next_begins_anew() -> None:
    flights, work = Flights[int](), Work()
    work.error = LookupError()
    waiting = [asyncio.create_task(flights.join("key", work)) for _ in range(3)]
    await settled()
    work.go.set()
    assert await asyncio.gather(*waiting, return_exceptions=True) == [work.error] * 3
    work.error = None
    assert await flights.join("key", work) == 2


async def test_one_who_leaves_does_not_disturb_the_others() -> None:
    flights, work = Flights[int](), Work()
    first, second = (asyncio.create_task(flights.join("key", work)) for _ in range(2))
    await settled()
    first.cancel()
    await settled()
    assert first.cancelled() and not work.cancelled
    work.go.set()
    assert await second == 1


async def test_when_the_last_one_leaves_the_flight_ends() -> None:
    flights, work = Flights[int](), Work()
    waiting = [asyncio.create_task(flights.join("key", work)) for _ in range(2)]
    await settled()
    for task in waiting:
        task.cancel()
    await settled()
    assert work.cancelled == 1 and len(flights) == 0
    work.go.set()
    assert await flights.join("key", work) == 2


async def test_one_who_comes_while_a_flight_is_given_up_gets_another() -> None:
    flights, work = Flights[int](), Work()
    first = asyncio.create_task(flights.join("key", work))
    await settled()
    first.cancel()
    second = asyncio.create_task(flights.join("key", work))
    await settled()
    work.go.set()
    assert await second in (1, 2)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_close_ends_what_is_under_way() -> None:
    flights, work = Flights[int](), Work()
    waiting = asyncio.create_task(flights.join("key", work))
    await settled()
    await flights.close()
    await settled()
    assert work.cancelled == 1 and waiting.cancelled() and len(flights) == 0
