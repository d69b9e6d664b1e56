"""The disk of the data directory: each step of a call waits until it is on it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator

from onhook.cli.doctor.finding import Finding, Installation

FLUSHES = 100
SLOW_MS = 50.0
"""Of a hundred flushes the slowest but one may take so long; a ringing phone notices more."""
_BYTES = b"x" * 4096
_LEAST_ROOM_BYTES = 512 * 1024 * 1024
_LONGEST_S = 10.0


def room(here: Installation) -> Iterator[Finding]:
    """Room for recordings, speech and the database."""
    try:
        free = shutil.disk_usage(here.data).free
    except OSError as error:
        yield Finding("disk room", False, f"{here.data} cannot be looked at: {error.strerror}")
        return
    enough = free >= _LEAST_ROOM_BYTES
    detail = f"{free >> 20} MiB free" + (
        "" if enough else ": make room, recordings and calls need it"
    )
    yield Finding("disk room", enough, detail)


def flush(here: Installation) -> Iterator[Finding]:
    """How long a small write takes until it is on the disk, as each state of a call does."""
    try:
        took_ms = _flushes(here)
    except OSError as error:
        yield Finding("disk flush", False, f"{here.data} cannot be written to: {error.strerror}")
        return
    slowest = took_ms[-2] if len(took_ms) > 1 else took_ms[-1]
    ok = slowest <= SLOW_MS
    advice = (
        ""
        if ok
        else (
            f", and more than {SLOW_MS:g} ms keep calls waiting: use a disk with power-loss protection, or "
            "--database-url"
        )
    )
    half = took_ms[len(took_ms) // 2]
    yield Finding(
        "disk flush", ok, f"p50 {half:.1f} ms, p99 {slowest:.1f} ms of {len(took_ms)}{advice}"
    )


def _flushes(here: Installation) -> list[float]:
    """Milliseconds, in order; a disk that is very slow is asked less often."""
    took_ms: list[float] = []
    until_s = time.monotonic() + _LONGEST_S
    with tempfile.TemporaryFile(dir=here.data) as file:
        while len(took_ms) < FLUSHES and time.monotonic() < until_s:
            began_s = time.monotonic()
            os.write(file.fileno(), _BYTES)
            os.fdatasync(file.fileno())
            took_ms.append((time.monotonic() - began_s) * 1000)
    return sorted(took_ms)
