"""A thread that does jobs for the event loop, one after another, each as one piece.

What asks for the loop in between costs a turn of it each time, and under a load a turn is the time of many
calls.
"""

import asyncio
import contextlib
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeAlias, TypeVar

Result = TypeVar("Result")
Other = TypeVar("Other")
"""What else a thread is given beside jobs."""

Job: TypeAlias = Callable[[], object]


class JobThread(Generic[Other]):
    """The thread is there from the first job on, and called `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: SimpleQueue[Other | Job] = SimpleQueue()
        self._thread: Thread | None = None
        self._going = True
        self._put_so_far = self._done_so_far = 0

    @property
    def idle(self) -> bool:
        """Whether all that it was given is done, and told."""
        return self._done_so_far == self._put_so_far

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

    def _put(self, what: Other | Job) -> None:
        if not self._going:
            raise RuntimeError("the database is closed")
        self._put_so_far += 1
        self._waiting.put(what)
        if self._thread is None:
            # What it has not done was promised to nobody: the end of the process need not wait.
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while self._going:
            self._do(self._waiting.get())
            self._done_so_far += 1

    def _do(self, what: Other | Job) -> None:
        if callable(what):
            what()


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
