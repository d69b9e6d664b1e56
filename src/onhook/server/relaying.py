"""What is left of a switch that has handed over: a process that relays its connections with TLS.

It is forked, and has one thread and nothing of the switch but these connections: the database, the media
plane and the links end for it with the descriptors. It ends with its last connection, after the longest that
a call of that switch may last, or with the supervisor, whose child it becomes.
"""

import ctypes
import gc
import os
import select
import signal
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

from onhook.phone.passing import Relayed
from onhook.phone.relay import relay
from onhook.processes.workers import die_with

_STANDARD: Final = (0, 1, 2)


def leave_relay(connections: Sequence[Relayed], longest_s: float) -> int:
    """The pid of a new process that relays these from now on; they are closed here. This one has to end soon,
    and by itself: the other one waits for that."""
    supervisor, switch = os.getppid(), os.pidfd_open(os.getpid())
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    pid = os.fork()
    if pid == 0:
        try:
            _begin(connections, switch, longest_s)
            die_with(prctl, supervisor)
            relay(connections)
        finally:
            os._exit(0)
    os.close(switch)
    for each in connections:
        os.close(each.secured)
        os.close(each.plain)
    return pid


def _begin(connections: Sequence[Relayed], switch: int, longest_s: float) -> None:
    gc.disable()  # what is never written to stays shared
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, longest_s)
    descriptors = [number for each in connections for number in (each.secured, each.plain)]
    _close_all_but((*_STANDARD, switch, *descriptors))
    select.select([switch], [], [])  # its end makes us a child of the supervisor
    os.close(switch)


def _close_all_but(kept: Collection[int]) -> None:
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  numbers are wanted, not paths
        if int(name) not in kept:
            with suppress(OSError):  # the one by which the directory was read
                os.close(int(name))
