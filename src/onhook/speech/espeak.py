"""eSpeak NG in processes of its own: a few workers, each replaced when it dies or hangs.

Its library is never loaded here; see `espeak_worker.py` for why, and for what is said on the pipe.
"""

import importlib.util
import json
import struct
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from queue import LifoQueue
from threading import Lock
from typing import Final

import structlog

from onhook.speech.errors import CannotConvertText
from onhook.speech.worker_process import WorkerBabbled, WorkerFailed, WorkerLate, WorkerProcess

log = structlog.get_logger()

JOB_S: Final = 10.0
"""How long a job may take; the engine needs a thousandth of what its speech lasts."""

START_S: Final = 10.0
"""How long a worker may take to be ready."""

MAX_SPEECH_S: Final = 600.0
"""Longest speech of one text."""

_WORKER: Final = Path(__file__).with_name("espeak_worker.py")
_RECIPE: Final = 1  # raise it when equal text gets to sound otherwise
_SPARE_S: Final = 2.0  # by which a worker that nobody ends outlives its deadline


class EngineUnavailable(OSError):
    """The engine cannot be started: not the message's fault but the installation's."""


class Espeak:
    """The engine. Its methods block, and may be called from several threads; `close` it at the end.

    `command` starts a worker; by default the one beside this module.
    """

    def __init__(
        self, workers: int = 2, job_s: float = JOB_S, command: Sequence[str] | None = None
    ) -> None:
        self._workers = workers
        self._job_s = job_s
        self._command = command
        self._idle: LifoQueue[WorkerProcess | None] = LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._warming = Lock()
        self._warm = False
        self._closed = False
        self._version: str | None = None

    @property
    def version(self) -> str:
        """The engine's version, then that of the way it is driven here."""
        if self._version is None:
            self._version = f"{installed_version('espeakng-loader')}+{_RECIPE}"
        return self._version

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

    def speak(self, voice: str, text: str) -> tuple[int, bytes]:
        """The rate, and the 16-bit samples, of `text` in a voice by its exact id, such as `yue+f3`.

        Raises `CannotConvertText`, also for a text that kills the engine or keeps it for too long.
        """
        answer = self._ask({"voice": voice, "text": text})
        return struct.unpack_from(">I", answer)[0], answer[4:]

    def phonemes(self, voice: str, clauses: Sequence[str]) -> list[str]:
        """Each clause in the phonemes of the IPA. Raises `CannotConvertText`."""
        found: list[str] = json.loads(self._ask({"voice": voice, "clauses": list(clauses)}))
        return found

    def close(self) -> None:
        """End all workers, waiting for their jobs; nothing can be asked afterwards."""
        self._closed = True
        for _ in range(self._workers):
            worker = self._idle.get()
            if worker is not None:
                worker.close()
        for _ in range(self._workers):  # for whoever comes too late, and is told so
            self._idle.put(None)

    def _ask(self, job: Mapping[str, object]) -> bytes:
        worker = self._idle.get()
        try:
            worker = self._running(worker)
            answer = worker.ask(json.dumps(job).encode(), self._job_s)
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

    def _running(self, worker: WorkerProcess | None) -> WorkerProcess:
        """`worker` if it runs, else a new one."""
        if self._closed:
            raise EngineUnavailable("The speech engine has been closed.")
        if worker is not None:
            if worker.alive():
                return worker
            worker.close()
        try:
            worker = WorkerProcess(self._command or _command(self._job_s))
        except OSError as error:
            raise EngineUnavailable(f"A speech worker cannot be started: {error}.") from error
        try:
            worker.greeting(START_S)
        except WorkerFailed:
            worker.close()
            raise EngineUnavailable("A speech worker ended before it was ready.") from None
        return worker


def _command(job_s: float) -> list[str]:
    """The worker with an interpreter that sees neither the environment nor other packages."""
    package = importlib.util.find_spec("espeakng_loader")
    if package is None or package.origin is None:
        raise EngineUnavailable("The package espeakng-loader is not installed.")
    directory = str(Path(package.origin).parent)
    limits = (str(job_s + _SPARE_S), str(MAX_SPEECH_S))
    return [sys.executable, "-I", "-S", str(_WORKER), directory, *limits]


def _given_up(error: WorkerFailed) -> CannotConvertText:
    if isinstance(error, WorkerLate):
        return CannotConvertText("The text of msg was not turned into speech in time.")
    return CannotConvertText("The speech engine gave up on the text of msg: write it differently.")
