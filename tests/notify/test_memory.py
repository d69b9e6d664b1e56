from __future__ import annotations

import asyncio

import pytest

from onhook.notify.memory import Flights, TimedMemory


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_remembers_for_a_while() -> None:
    clock = Clock()
    memory: TimedMemory[str, int] = TimedMemory(60, 10, clock)
    memory.put("a", 1)
    clock.now = 59.9
    assert memory.get("a") == 1
    clock.now = 60
    assert memory.get("a") is None
    assert len(memory) == 0


def test_is_bounded_and_forgets_the_oldest() -> None:
    memory: TimedMemory[int, int] = TimedMemory(60, 3, Clock())
    for key in (1, 2, 3, 1, 4):
        memory.put(key, key)
    assert [memory.get(key) for key in (1, 2, 3, 4)] == [1, None, 3, 4]


async def test_all_who_ask_meanwhile_share_the_work() -> None:
    flights: Flights[str, int] = Flights()
    go, started = asyncio.Event(), 0

    async def work() -> int:
        nonlocal started
        started += 1
        await go.wait()
        return 7

    callers = [asyncio.create_task(flights.join("key", work)) for _ in range(5)]
    await asyncio.sleep(0)
    callers[0].cancel()
    await asyncio.sleep(0)
    go.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [7] * 4
    assert started == 1
    assert len(flights) == 0
    assert await flights.join("key", work) == 7
    assert started == 2


async def test_work_that_nobody_waits_for_is_cancelled() -> None:
    flights: Flights[str, None] = Flights()
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.create_task(flights.join("key", work))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await ended.wait()
    assert len(flights) == 0


async def test_all_get_what_the_work_raises() -> None:
    flights: Flights[str, None] = Flights()

    async def work() -> None:
        raise LookupError

    results = await asyncio.gather(
        *(flights.join("key", work) for _ in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [LookupError] * 3
    assert len(flights) == 0
