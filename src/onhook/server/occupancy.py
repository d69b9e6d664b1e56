"""One server a data directory: an advisory lock on a file in it, held for the life of the process.

The kernel drops the lock with the process, however that ends, so a crash leaves nothing to clean up.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "server.lock"
_OPENING = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW  # it is written to


class Occupied(Exception):
    """Another server that is alive uses the data directory; the message says which, and what to do."""


@contextmanager
def occupied(data: Path) -> Iterator[None]:
    """Takes the data directory for this process. Raises :class:`Occupied`, and OSError."""
    descriptor = os.open(data / LOCK_FILE, _OPENING, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Occupied(
                f"The data directory {data} is in use by another server{_who(descriptor)}; "
                "stop that one first, or give --data another directory."
            ) from None
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


def _who(descriptor: int) -> str:
    """The process that wrote its number into the file, for a person; not needed for the lock."""
    text = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
    return f" (process {text})" if text.isdigit() else ""


def _sign(descriptor: int) -> None:
    """Best effort: a full disk is no reason not to start."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        return
