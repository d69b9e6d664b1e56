"""Threads for work that takes longer than the event loop can be kept from its calls."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeAlias, TypeVar

Checkpoint: TypeAlias = Callable[[], None]
"""Called by long work between two steps; raises `Abandoned` when nobody waits any more."""

T = TypeVar("T")


class Abandoned(Exception):
    """Nobody waits for this work any more. Ends it early; no caller ever sees it."""


class ThreadPool:
    """A small pool of threads. What waits for a thread is given up at once when it is cancelled."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def run(self, work: Callable[[Checkpoint], T]) -> T:
        """Run `work` in a thread. When this is cancelled, its next checkpoint ends the work."""
        abandoned = Event()

        def checkpoint() -> None:
            if abandoned.is_set():
                raise Abandoned

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, checkpoint)
        finally:
            abandoned.set()

    async def close(self) -> None:
        """Drop what has not begun, and wait for what runs to reach a checkpoint."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
