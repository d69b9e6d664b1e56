"""What keeps a long run apart from the rest of the machine, and ends all that it started."""

import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from typing import Final

from bench.machine import family

_SUBREAPER: Final = 36  # linux/prctl.h: PR_SET_CHILD_SUBREAPER
_NEW_NETWORK: Final = 0x40000000  # linux/sched.h: CLONE_NEWNET
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1
_ORDERLY_S = 20.0
_KILLED_S = 10.0


def network_of_its_own() -> bool:
    """Whether this process, and what it starts from now on, has a network with nothing but a loopback; only
    root can. Without it, nothing is different but that somebody else may be on the same loopback."""
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    return True


def adopt_orphans() -> None:
    """What a child of ours leaves behind becomes ours, so that it can be found and ended."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)


def bounded(command: Sequence[str], bound_s: float, folder: Path) -> str:
    """Runs a command in a folder; nothing of it is left running afterwards. Returns what went wrong; empty if
    nothing did."""
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        status = process.wait(bound_s)
    except subprocess.TimeoutExpired:
        return f"it took longer than {bound_s:.0f} s, and was ended"
    finally:
        _end(process)
        left = end_descendants()
        if left:
            print(f"    ended what was left: {left} processes", file=sys.stderr, flush=True)
    return f"it ended with {status}" if status else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()  # it ends what it started, in its order
    with suppress(subprocess.TimeoutExpired):
        process.wait(_ORDERLY_S)


def end_descendants() -> int:
    """Ends all that descends from this process, by force; how many there were that had not ended."""
    found: set[int] = set()
    deadline_s = time.monotonic() + _KILLED_S
    while (alive := _alive()) and time.monotonic() < deadline_s:
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        found |= alive
        time.sleep(0.05)
    return len(found)


def _alive() -> set[int]:
    """Descendants that have not ended. Those that have are reaped."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return set(family(os.getpid())[1:])
