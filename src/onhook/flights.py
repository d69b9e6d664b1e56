"""Single flight: what several ask for at the same time is made once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    task: "asyncio.Task[T]"
    waiting: int = 0


class Seat(Generic[T]):
    """One who waits for a flight: `task` comes to its result."""

    def __init__(self, task: "asyncio.Task[T]", leave: Callable[[], None]) -> None:
        self.task = task
        self._leave: Callable[[], None] | None = leave

    def leave(self) -> None:
        """Wait no more; may be called again."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


class Flights(Generic[T]):
    """The work in progress, by what it makes. Belongs to one event loop."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def join(self, key: Hashable, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result, or the exception, of the flight for `key`; begins it if there is none.

        Cancelling one who waits leaves the others waiting. A flight that nobody waits for any
        more is cancelled, and the next one who asks begins another.
        """
        seat = self.board(key, begin)
        try:
            return await asyncio.shield(seat.task)
        finally:
            seat.leave()

    def board(self, key: Hashable, begin: Callable[[], Coroutine[Any, Any, T]]) -> "Seat[T]":
        """As `join`, for one who does not wait now. The seat has to be left, whatever happens."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(begin()))
            flight.task.add_done_callback(lambda task: self._landed(key, task))
        flight.waiting += 1
        return Seat(flight.task, partial(self._leave, key, flight))

    async def close(self) -> None:
        """Cancel every flight and wait until all have ended."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _leave(self, key: Hashable, flight: _Flight[T]) -> None:
        flight.waiting -= 1
        if flight.waiting == 0:
            flight.task.cancel()  # does nothing to a flight that has landed
            self._forget(key, flight.task)

    def _landed(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        self._forget(key, task)
        if not task.cancelled():
            task.exception()  # seen, also when everybody who waited has left

    def _forget(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]
