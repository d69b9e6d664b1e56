"""A few worker processes of one kind, each replaced when it dies or hangs.

A worker says `+` once it is ready, and answers each job with `+` and the result, or with `-` and a
reason that does not repeat the text.
"""

from collections.abc import Callable, Sequence
from queue import LifoQueue
from threading import Lock
from typing import Final

import structlog

from onhook.processes.workers import Starter
from onhook.speech.errors import (
    CannotConvertText,
    EngineUnavailable,
    WorkerBabbled,
    WorkerDied,
    WorkerFailed,
    WorkerLate,
)
from onhook.speech.workers.process import WorkerProcess

log = structlog.get_logger()

START_S: Final = 10.0
"""How long a worker may take to be ready."""


class WorkerPool:
    """Workers of one program. Methods block, from several threads at once; `close` it.

    `arguments` is asked for those of the program before each start, and may raise `EngineUnavailable`.
    """

    def __init__(
        self,
        starter: Starter,
        program: str,
        arguments: Callable[[], Sequence[str]],
        *,
        workers: int,
        job_s: float,
        start_s: float = START_S,
    ) -> None:
        self._starter = starter
        self._program = program
        self._arguments = arguments
        self._workers = workers
        self._job_s = job_s
        self._start_s = start_s
        self._idle: LifoQueue[WorkerProcess | None] = LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._warming = Lock()
        self._warm = False
        self._closed = False

    def warm(self) -> None:
        """Start every worker, once. Raises `EngineUnavailable`."""
        with self._warming:  # alone: two that each hold some workers would wait for the others
            if self._warm:
                return
            held: list[WorkerProcess | None] = []
            try:
                for _ in range(self._workers):
                    held.append(self._idle.get())
                    held[-1] = self._running(held[-1])
                self._warm = True
            finally:
                for worker in held:
                    self._idle.put(worker)

    def ask(self, job: bytes) -> bytes:
        """The result of `job`. A worker that fails at it is ended, and the next job gets a new one.

        Raises `CannotConvertText` or `EngineUnavailable`.
        """
        worker = self._idle.get()
        try:
            worker = self._running(worker)
            answer = worker.ask(job, self._job_s)
            if answer[:1] not in (b"+", b"-"):
                raise WorkerBabbled
        except WorkerFailed as error:
            log.warning("speech_worker_replaced", reason=type(error).__name__)
            if worker is not None:
                worker.close()
                worker = None
            raise _given_up(error) from None
        finally:
            self._idle.put(worker)
        if answer[:1] == b"-":
            log.warning("speech_refused", reason=answer[1:].decode(errors="replace"))
            raise CannotConvertText
        return answer[1:]

    def close(self) -> None:
        """End all workers, waiting for their jobs; nothing can be asked afterwards."""
        self._closed = True
        for _ in range(self._workers):
            worker = self._idle.get()
            if worker is not None:
                worker.close()
        for _ in range(self._workers):  # for whoever comes too late, and is told so
            self._idle.put(None)

    def _running(self, worker: WorkerProcess | None) -> WorkerProcess:
        """`worker` if it runs, else a new one."""
        if self._closed:
            raise EngineUnavailable("The speech engine has been closed.")
        if worker is not None:
            if worker.alive():
                return worker
            worker.close()
        try:
            return self._started()
        except WorkerDied:  # somebody may have killed it, which says nothing of the next one
            log.warning("speech_worker_replaced", reason="WorkerDied")
        try:
            return self._started()
        except WorkerDied:
            raise EngineUnavailable("A speech worker ended before it was ready, twice.") from None

    def _started(self) -> WorkerProcess:
        """A new one that is ready. Raises `WorkerDied` if it ended before, else `EngineUnavailable`."""
        arguments = self._arguments()
        try:
            worker = WorkerProcess(self._starter.start(self._program, *arguments))
        except OSError as error:
            raise EngineUnavailable(f"A speech worker cannot be started: {error}.") from error
        try:
            worker.greeting(self._start_s)
        except WorkerDied:
            worker.close()
            raise
        except WorkerFailed:
            worker.close()
            raise EngineUnavailable(
                f"A speech worker was not ready within {self._start_s:g} s."
            ) from None
        return worker


def _given_up(error: WorkerFailed) -> CannotConvertText:
    if isinstance(error, WorkerLate):
        return CannotConvertText("The text of msg was not turned into speech in time.")
    return CannotConvertText("The speech engine gave up on the text of msg: write it differently.")
