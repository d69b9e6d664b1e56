"""Making mp3s in a process of its own, of the lowest priority, one at a time.

A thread would be wrong for it: one of low priority that holds the interpreter's lock while others use
the processor holds up every call.
"""

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from threading import Lock
from typing import Final

import onhook

MODULE: Final = "onhook.calls.recordings.encoder_child"

_START_S: Final = 60.0
_OF_SPOOL_S: Final = 2 * 8000 * 4  # bytes a second: a quarter of a minute for a minute


class EncodingFailed(Exception):
    """No mp3 could be made; the spool is as it was. The message is a sentence for the log."""


class Encoder:
    """One process, started when it is needed. ``encode`` blocks and is for one thread at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def encode(self, spool: Path, mp3: Path) -> None:
        """Make the mp3, then delete the spool. Raises :class:`EncodingFailed`."""
        process = self._running()
        try:
            answer = _ask(process, [str(spool), str(mp3)], _deadline_s(spool))
        except EncodingFailed:
            self.end()
            raise
        if answer:
            raise EncodingFailed(answer)

    def end(self) -> None:
        """End the process; another one is started when it is needed."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            _end(process)

    def close(self) -> None:
        """End the process for good, whatever it is doing; from any thread."""
        with self._lock:
            self._closed = True
        self.end()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise EncodingFailed("the server is stopping")
            if self._process is None or self._process.poll() is not None:
                self._process = _start()
            return self._process


def _start() -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=_environment(),
            start_new_session=True,  # a signal from the terminal is the server's affair
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EncodingFailed(f"the encoder cannot be started: {error}") from error


def _ask(process: subprocess.Popen[bytes], job: list[str], deadline_s: float) -> str:
    """What the process answers. Raises :class:`EncodingFailed` when it does not."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(job).encode() + b"\n")
        ready, _, _ = select.select([process.stdout], [], [], deadline_s)
        line = process.stdout.readline() if ready else None
        if line is None:
            raise EncodingFailed("the encoder took too long, and was ended")
        return str(json.loads(line))
    except (OSError, ValueError) as error:  # it ended, or was ended by us
        raise EncodingFailed("the encoder ended before it was done") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _deadline_s(spool: Path) -> float:
    try:
        return _START_S + spool.stat().st_size / _OF_SPOOL_S
    except OSError:
        return _START_S


def _environment() -> dict[str, str]:
    """Ours without settings, which may be secret, and with the way to this package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONHOOK_")}
    home = str(Path(onhook.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
