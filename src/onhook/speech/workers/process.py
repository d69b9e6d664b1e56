"""A program that answers one message at a time through its socket, each within a deadline.

Messages are four bytes of length (big endian), then as many bytes, in both directions.
"""

import select
import struct
import time
from socket import MSG_DONTWAIT, socket
from typing import Final

from onhook.processes.workers import Worker
from onhook.speech.errors import WorkerBabbled, WorkerDied, WorkerLate

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Longest answer that is taken."""

_CHUNK_BYTES: Final = 256 * 1024


class WorkerProcess:
    """What is said with one worker, which it takes. Not thread-safe: one job at a time. `close` ends it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._socket = worker.socket

    @property
    def pid(self) -> int:
        """The process id, for whoever watches or kills it from outside."""
        return self._worker.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._worker.alive()

    def ask(self, job: bytes, deadline_s: float) -> bytes:
        """The answer to `job`. Raises a leaf of `WorkerFailed`."""
        ends = time.monotonic() + deadline_s
        self._write(struct.pack(">I", len(job)) + job, ends)
        return self._answer(ends)

    def greeting(self, deadline_s: float) -> bytes:
        """What it says unasked once it is ready. Raises a leaf of `WorkerFailed`."""
        return self._answer(time.monotonic() + deadline_s)

    def close(self) -> None:
        """End it, whatever it does, and wait for its end."""
        self._worker.close()

    def _answer(self, ends: float) -> bytes:
        (size,) = struct.unpack(">I", self._read(4, ends))
        if size > MAX_ANSWER_BYTES:
            raise WorkerBabbled
        return self._read(size, ends)

    def _write(self, message: bytes, ends: float) -> None:
        rest = memoryview(message)
        while rest:
            _await(self._socket, select.POLLOUT, ends)
            try:
                rest = rest[self._socket.send(rest, MSG_DONTWAIT) :]
            except BlockingIOError:
                continue
            except ConnectionError:
                raise WorkerDied from None

    def _read(self, size: int, ends: float) -> bytes:
        found = bytearray()
        while len(found) < size:
            _await(self._socket, select.POLLIN, ends)
            try:
                chunk = self._socket.recv(min(size - len(found), _CHUNK_BYTES), MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except ConnectionError:  # it did not read all that it was sent
                raise WorkerDied from None
            if not chunk:
                raise WorkerDied
            found += chunk
        return bytes(found)


def _await(end: socket, event: int, ends: float) -> None:
    # poll, because select knows no descriptor above 1023.
    poll = select.poll()
    poll.register(end, event)
    left_ms = max(0.0, ends - time.monotonic()) * 1000
    if not poll.poll(left_ms):
        raise WorkerLate
