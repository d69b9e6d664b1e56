"""How many files the process may have open: each leg of a call needs two, for audio and for RTCP, one more
while it is recorded; and each connection needs one."""

import contextlib
import resource

LEAST = 256
"""With fewer a handful of calls would use all up, the database and the log among them."""
ENOUGH = 4096
"""Fewer are said at the start."""
_WANTED = 65_536


def allow_files() -> int:
    """Takes as many open files as the system permits, and more where that is allowed; how many it got.

    Many systems begin with 1024, for the sake of programs that use select().
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < _WANTED:
        _try(_WANTED)
    _try(most)
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _WANTED if files == resource.RLIM_INFINITY else files


def _try(files: int) -> None:
    """Never takes what it has got already."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or (files != resource.RLIM_INFINITY and files <= soft):
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
