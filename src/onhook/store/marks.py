"""Whether anything was written since somebody looked: told by the files, without asking the database.

Other processes (the ``onhook`` command) write while a server runs, so it looks once a second. A look is some
twenty thread switches; for a server without calls that was most of what it did.
"""

import os
import time
from typing import Final, TypeAlias

from onhook.store.database import Database

_File: TypeAlias = tuple[int, int, int]
Mark: TypeAlias = tuple[_File, ...]
"""Of the database and of its log, to which a commit is appended: which file it is, its size and its date."""

_NONE: Final = (0, 0, 0)
_YOUNG_NS = 2_500_000_000
"""File systems date alike what is written within milliseconds, or two seconds; older is told apart."""


def mark(database: Database) -> Mark | None:
    """Another one after every commit of any process; None where that cannot be told: on a database server,
    and just after something was written. Take it before looking, and compare it before the next look."""
    if database.shared:
        return None
    file = _file(database.name)
    return None if file is None else _told_apart(file, _file(f"{database.name}-wal") or _NONE)


def _told_apart(*files: _File) -> Mark | None:
    latest_ns = time.time_ns() - _YOUNG_NS
    return files if all(file[2] <= latest_ns for file in files) else None


def _file(name: str) -> _File | None:
    try:
        found = os.stat(name)  # noqa: PTH116  a path would take as long as the look
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
