"""The thread that writes to SQLite: jobs in their order, batches of writes together.

It takes what waits for it without asking the event loop, which may have a lot to do just then: a commit
begins as soon as the one before it is on disk.
"""

import asyncio
import contextlib
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias, TypeVar

from onhook.store.database import Submitted

Result = TypeVar("Result")

_Job: TypeAlias = Callable[[], object]


class WritingThread:
    """``commit`` is called in the thread, with all that waits. The thread is there from the first job on."""

    def __init__(self, commit: Callable[[list[Submitted]], object]) -> None:
        self._commit = commit
        self._waiting: SimpleQueue[list[Submitted] | _Job] = SimpleQueue()
        self._thread: Thread | None = None
        self._going = True

    def submit(self, batch: list[Submitted]) -> None:
        """The batch is the thread's from now on."""
        self._put(batch)

    async def run(self, job: Callable[[], Result]) -> Result:
        """Runs ``job`` in the thread, behind all that waits there; raises what it raises.

        Whoever is cancelled waits no longer, but the job is done.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()

        def work() -> None:
            try:
                result = job()
            except Exception as error:  # noqa: BLE001  # raised to whoever waits
                tell(loop, _fail, done, error)
            else:
                tell(loop, _succeed, done, result)

        self._put(work)
        return await done

    def end(self) -> None:
        """Ends the thread behind all that waits for it, and waits for that."""
        if self._thread is not None:
            self._put(self._stop)
            self._thread.join()
            self._thread = None

    def _stop(self) -> None:
        self._going = False

    def _put(self, what: list[Submitted] | _Job) -> None:
        if not self._going:
            raise RuntimeError("the database is closed")
        self._waiting.put(what)
        if self._thread is None:
            # Whatever it has not committed was promised to nobody: the end of the process need not wait.
            self._thread = Thread(target=self._run, name="store-writer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        behind: _Job | None = None
        while self._going:
            first = behind or self._waiting.get()
            behind = None
            if not isinstance(first, list):
                first()
                continue
            while not self._waiting.empty():
                more = self._waiting.get()
                if not isinstance(more, list):
                    behind = more
                    break
                first += more
            self._commit(first)


def tell(loop: asyncio.AbstractEventLoop, what: Callable[..., object], *given: Any) -> None:
    """Has something called on an event loop, from the thread; a loop that was closed is told nothing."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(what, *given)


def _succeed(done: "asyncio.Future[Result]", result: Result) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: "asyncio.Future[Result]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
