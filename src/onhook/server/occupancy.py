"""One server a data directory: an advisory lock on a file in it, held for the life of its processes.

The kernel drops the lock with the last of them, however that ends, so a crash leaves nothing to clean up.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "server.lock"
_GOING_S = 5.0
"""How long the processes of a killed server may take to be gone."""
_OPENING = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW  # it is written to


class Occupied(Exception):
    """Another server that is alive uses the data directory; the message says which, and what to do."""


@contextmanager
def occupied(data: Path) -> Iterator[int]:
    """Takes the data directory for this process, and for those that inherit the descriptor that it yields.

    After a server that was killed its processes may take a moment to go, which is waited for. Raises
    :class:`Occupied`, and OSError.
    """
    descriptor = os.open(data / LOCK_FILE, _OPENING, 0o600)
    try:
        if not _taken(descriptor):
            raise Occupied(
                f"The data directory {data} is in use by another server{_who(descriptor)}; "
                "stop that one first, or give --data another directory."
            )
        _sign(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Takes the lock, unless the process that signed it lives on."""
    ends_s = time.monotonic() + _GOING_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if _is_alive(_signature(descriptor)) or time.monotonic() >= ends_s:
                return False
            time.sleep(0.01)  # the kernel tells nobody that a lock is free while others hold it


def _is_alive(pid: int | None) -> bool:
    """Whether there is such a process, and it is not just being taken away."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def _signature(descriptor: int) -> int | None:
    """The number of the process that took the lock; it is written in a moment if there is none yet."""
    text = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None


def _who(descriptor: int) -> str:
    """The process that wrote its number into the file, for a person; not needed for the lock."""
    pid = _signature(descriptor)
    return "" if pid is None else f" (process {pid})"


def _sign(descriptor: int) -> None:
    """Best effort: a full disk is no reason not to start."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        return
