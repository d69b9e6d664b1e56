"""An event loop in a thread of its own, for callers who block."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class LoopThread:
    """Runs `loop` from `start` to `end`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="calls", daemon=True)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.on_failure: Callable[[BaseException], None] = lambda _: None
        """Hears what failed in the background."""

    def start(self) -> None:
        """From now on it can be used."""
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Waits for it, and returns or raises what it does."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def run(self, work: Callable[[], Result]) -> Result:
        """The same of something that takes no time."""

        async def here() -> Result:
            return work()

        return self.do(here())

    def background(self, work: Coroutine[Any, Any, object]) -> None:
        """For whoever is on the loop: has something done that nobody waits for."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def end(self) -> None:
        """Ends what goes on in the background, and the loop."""
        self.do(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.on_failure(error)
