"""How a process of the supervisor's comes to be: as a program of its own, or forked by one that stands by."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from onhook.processes.channel import Channel, Message
from onhook.processes.membership import CHANNEL
from onhook.processes.workers import dying_with_us

_BORN_MS: Final = 1000
"""A process that stands by forks within a few milliseconds; whoever takes longer is of no use."""


@dataclass(frozen=True, slots=True)
class Process:
    """A child of this process. All of it is the taker's."""

    pid: int
    pidfd: int
    channel: Channel
    """Our end; it blocks."""
    wait: Callable[[], int]
    """Waits for its end; its status as `subprocess` has it, negative for a signal."""


def started(module: str, kept_open: Sequence[int]) -> Process:
    """A new process that runs a module. Raises OSError when there is none."""
    ours, theirs = Channel.pair()
    try:
        process = _popen(module, theirs, kept_open)
        return Process(process.pid, _pidfd(process), ours, process.wait)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


def forked(tell: Callable[[Message, list[int]], None]) -> Process:
    """A new process that one which stands by has forked, and which has loaded what it needs.

    `tell` tells it, and closes descriptors here. Raises OSError when there is none; then the one that stands
    by is of no use.
    """
    ours, theirs = Channel.pair()
    try:
        tell({"say": "fork"}, [theirs.detach()])
        pid = _born(ours)
        return Process(pid, os.pidfd_open(pid), ours, lambda: _waited_for(pid))
    except BaseException:
        ours.close()
        raise


def _born(channel: Channel) -> int:
    """Who has the other end. Raises OSError."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    heard = channel.receive() if poll.poll(_BORN_MS) else None
    if heard is None:
        raise TimeoutError("it forks no process")
    pid: int = heard[0]["pid"]
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # a child of ours, dead or alive
    return pid


def _waited_for(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _popen(module: str, channel: Channel, kept_open: Sequence[int]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.DEVNULL,
            env={**os.environ, CHANNEL: str(channel.fileno())},
            pass_fds=(channel.fileno(), *kept_open),
            preexec_fn=_beginning(),  # this process has one thread
        )
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from error


def _pidfd(process: subprocess.Popen[bytes]) -> int:
    try:
        return os.pidfd_open(process.pid)
    except OSError:
        process.kill()
        process.wait()
        raise


def _beginning() -> Callable[[], None]:
    """What a child does before its program. A SIGTERM to all processes of the server is not for it, however
    early it comes (`onhook.processes.membership.END`)."""
    die_with_us = dying_with_us()

    def begin() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        die_with_us()

    return begin
