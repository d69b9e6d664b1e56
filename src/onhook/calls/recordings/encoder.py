"""Making mp3s in a process of its own, of the lowest priority, one at a time.

A thread would be wrong for it: one of low priority that holds the interpreter's lock while others use
the processor holds up every call.
"""

import json
import select
import time
from pathlib import Path
from socket import MSG_DONTWAIT, socket
from threading import Lock
from typing import Final

from onhook.processes.workers import Spawner, Starter, Worker

_START_S: Final = 60.0
_OF_SPOOL_S: Final = 2 * 8000 * 4  # bytes a second: a quarter of a minute for a minute
_ANSWER_BYTES: Final = 64 * 1024  # more than any sentence


class EncodingFailed(Exception):
    """No mp3 could be made; the spool is as it was. The message is a sentence for the log."""


class Encoder:
    """One process, started when it is needed. ``encode`` blocks and is for one thread at a time."""

    def __init__(self, starter: Starter | None = None) -> None:
        self._starter = starter or Spawner()
        self._lock = Lock()
        self._talking = Lock()  # held by whoever uses the socket: nobody else may close it
        self._worker: Worker | None = None
        self._closed = False

    def encode(self, spool: Path, mp3: Path) -> None:
        """Make the mp3, then delete the spool. Raises :class:`EncodingFailed`."""
        with self._talking:
            worker = self._running()
            job = [str(spool.absolute()), str(mp3.absolute())]
            try:
                answer = _ask(worker.socket, job, _deadline_s(spool))
            except EncodingFailed:
                self._let_go()
                raise
        if answer:
            raise EncodingFailed(answer)

    def end(self) -> None:
        """End the process when it has nothing to do; another one is started when it is needed."""
        with self._talking:
            self._let_go()

    def close(self) -> None:
        """End the process for good, whatever it is doing. Blocks for a moment; from any thread."""
        with self._lock:
            self._closed = True
            if self._worker is not None:
                self._worker.kill()  # whoever waits for its answer gets the end
        self.end()

    def _running(self) -> Worker:
        with self._lock:
            if self._closed:
                raise EncodingFailed("the server is stopping")
            if self._worker is not None and self._worker.alive():
                return self._worker
        self._let_go()
        try:
            worker = self._starter.start("encoder")
        except OSError as error:
            raise EncodingFailed(f"the encoder cannot be started: {error}") from error
        self._keep(worker)
        return worker

    def _keep(self, worker: Worker) -> None:
        with self._lock:
            self._worker = worker
            if self._closed:  # meanwhile
                worker.kill()

    def _let_go(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()


def _ask(end: socket, job: list[str], deadline_s: float) -> str:
    """What the process answers. Raises :class:`EncodingFailed` when it does not."""
    due_at = time.monotonic() + deadline_s
    try:
        end.sendall(json.dumps(job).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            line += _more(end, due_at)
            if len(line) > _ANSWER_BYTES:
                raise EncodingFailed("the encoder talks nonsense, and was ended")
        return str(json.loads(line))
    except (OSError, ValueError) as error:  # it ended, or was ended by us
        raise EncodingFailed("the encoder ended before it was done") from error


def _more(end: socket, due_at: float) -> bytes:
    # poll, because select knows no descriptor above 1023.
    poll = select.poll()
    poll.register(end, select.POLLIN)
    if not poll.poll(max(0.0, due_at - time.monotonic()) * 1000):
        raise EncodingFailed("the encoder took too long, and was ended")
    found = end.recv(_ANSWER_BYTES, MSG_DONTWAIT)
    if not found:
        raise EncodingFailed("the encoder ended before it was done")
    return found


def _deadline_s(spool: Path) -> float:
    try:
        return _START_S + spool.stat().st_size / _OF_SPOOL_S
    except OSError:
        return _START_S
