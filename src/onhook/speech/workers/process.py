"""A program that answers one message at a time through its pipes, each within a deadline.

Messages are four bytes of length (big endian), then as many bytes, in both directions.
"""

import os
import select
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Final

from onhook.speech.errors import WorkerBabbled, WorkerDied, WorkerLate

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Longest answer that is taken."""

_CHUNK_BYTES: Final = 256 * 1024


class WorkerProcess:
    """`command` as a child process. Not thread-safe: one job at a time. `close` ends it.

    It gets no environment but a locale, unless one is given, and its standard error goes nowhere:
    what libraries print there may quote the message. Raises `OSError` when it cannot be started.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={**(environment or {}), "LC_ALL": "C.UTF-8"},
            bufsize=0,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._in, self._out = process.stdin, process.stdout
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)

    @property
    def pid(self) -> int:
        """The process id, for whoever watches or kills it from outside."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

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
        self._process.kill()
        self._process.wait()
        self._in.close()
        self._out.close()

    def _answer(self, ends: float) -> bytes:
        (size,) = struct.unpack(">I", self._read(4, ends))
        if size > MAX_ANSWER_BYTES:
            raise WorkerBabbled
        return self._read(size, ends)

    def _write(self, message: bytes, ends: float) -> None:
        rest = memoryview(message)
        while rest:
            _await(self._in.fileno(), select.POLLOUT, ends)
            try:
                rest = rest[os.write(self._in.fileno(), rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise WorkerDied from None

    def _read(self, size: int, ends: float) -> bytes:
        found = bytearray()
        while len(found) < size:
            _await(self._out.fileno(), select.POLLIN, ends)
            try:
                chunk = os.read(self._out.fileno(), min(size - len(found), _CHUNK_BYTES))
            except BlockingIOError:
                continue
            if not chunk:
                raise WorkerDied
            found += chunk
        return bytes(found)


def _await(descriptor: int, event: int, ends: float) -> None:
    # poll, because select knows no descriptor above 1023.
    poll = select.poll()
    poll.register(descriptor, event)
    left_ms = max(0.0, ends - time.monotonic()) * 1000
    if not poll.poll(left_ms):
        raise WorkerLate
