"""How many files may be open, against the calls that the ports would allow."""

import resource
from collections.abc import Iterator

from onhook.cli.doctor.finding import Finding, Installation
from onhook.cli.doctor.ports import rtp_capacity
from onhook.cli.open_files import ENOUGH, LEAST, allow_files

FILES_A_CALL = 5
"""Two sockets of audio for each of two legs, and a recording."""
_OTHERS = 256
"""The database, logs, connections."""


def open_files(here: Installation) -> Iterator[Finding]:
    """Enough for as many calls as there are ports, or at least for many."""
    files = allow_files()
    calls, room = rtp_capacity(here.settings), max(0, files - _OTHERS) // FILES_A_CALL
    name = "open files"
    if files < LEAST:
        yield Finding(name, False, f"{files}: too few to start, {LEAST} are needed; {_RAISE}")
    elif files < ENOUGH and room < calls:
        yield Finding(
            name,
            False,
            f"{files} are enough for {room} calls, and --rtp-ports has room for {calls}; {_RAISE}",
        )
    else:
        yield Finding(name, True, f"{files}, enough for {min(room, calls)} calls")


def memory(here: Installation) -> Iterator[Finding]:
    """Addresses are mapped, not used: a limit on them stops the server before memory is short."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    limited = soft != resource.RLIM_INFINITY and soft < 2**31
    detail = (
        f"the process may map {soft >> 20} MiB only: raise it (ulimit -v, LimitAS of systemd)"
        if limited
        else "not limited"
    )
    yield Finding("address space", not limited, detail)


_RAISE = "raise the limit (ulimit -n, or LimitNOFILE of systemd)"
