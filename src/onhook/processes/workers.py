"""Processes that work for us, each through one stream socket, and how they are started.

A worker ends when its socket does, so that it is gone with whoever it works for, however that one ended.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from socket import AF_UNIX, SOCK_STREAM, socket, socketpair
from threading import Lock
from typing import Final, Protocol

from onhook.processes.programs import PROGRAMS, Program

_PR_SET_PDEATHSIG: Final = 1


class Worker:
    """A process that works for us. `close` it. Methods may be called from any thread.

    It may be a child of another process: then what that one has to do when it has ended is not done here.
    """

    def __init__(
        self,
        role: str,
        pid: int,
        end: socket,
        pidfd: int,
        reap: Callable[[], object] | None = None,
    ) -> None:
        """Takes `end`, our end of its socket, and `pidfd`; `reap` waits for a child that has ended."""
        self.role = role
        self.pid = pid
        self.socket = end
        """AF_UNIX, SOCK_STREAM; blocking. The other end is its standard input and output."""
        self.pidfd = pidfd
        """Can be read when the process has ended; -1 once this is closed."""
        self._reap = reap
        self._lock = Lock()

    def alive(self) -> bool:
        """Whether it still runs. A child that does not is reaped."""
        with self._lock:
            return self.pidfd >= 0 and not self._ended(0)

    def kill(self) -> None:
        """End it, whatever it does. Who reads from its socket reads the end; `close` it all the same."""
        with self._lock:
            self._kill()

    def close(self) -> None:
        """End it, wait for its end, and let go of everything; may be called again.

        Nobody may use the socket meanwhile: its number may soon be that of another.
        """
        with self._lock:
            self.socket.close()
            if self.pidfd < 0:
                return
            self._kill()
            self._ended(None)
            os.close(self.pidfd)
            self.pidfd = -1

    def _kill(self) -> None:
        if self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and was reaped
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def _ended(self, timeout_ms: int | None) -> bool:
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        if not poll.poll(timeout_ms):
            return False
        if self._reap is not None:
            self._reap()
        return True


class Starter(Protocol):
    """What starts workers."""

    def start(self, program: str, *arguments: str) -> Worker:
        """A new process of one of `PROGRAMS`, with arguments that it takes.

        Blocks for a moment, from any thread. Raises `OSError` with a sentence when there is none.
        """


class Spawner:
    """Starts workers as children of this process (a `Starter`), each in a session of its own.

    A signal from the terminal does not reach them. `die_with_us` has the kernel kill them with the thread
    that started them: only for a process of one thread, which does not start them while it has others.
    """

    def __init__(
        self, programs: Mapping[str, Program] = PROGRAMS, *, die_with_us: bool = False
    ) -> None:
        self._programs = programs
        self._die_with_us = die_with_us

    def start(self, program: str, *arguments: str) -> Worker:
        """See `Starter`."""
        found = self._programs.get(program)
        if found is None:
            raise OSError(f"there is no program {program!r} to be started")
        try:
            command = found.command(arguments)
        except ValueError as error:
            raise OSError(f"the program {program!r} cannot be started: {error}") from error
        ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        try:
            with theirs:
                return self._spawned(found, command, ours, theirs)
        except (OSError, subprocess.SubprocessError) as error:
            ours.close()
            reason = getattr(error, "strerror", None) or error
            raise OSError(f"the program {program!r} cannot be started: {reason}") from error

    def _spawned(
        self, program: Program, command: list[str], ours: socket, theirs: socket
    ) -> Worker:
        process = subprocess.Popen(
            command,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,  # what libraries print there may quote a message
            cwd="/",
            env=program.environment(os.environ),
            start_new_session=True,
            preexec_fn=dying_with_us() if self._die_with_us else None,
        )
        try:
            pidfd = os.pidfd_open(process.pid)
        except OSError:
            process.kill()
            process.wait()
            raise
        return Worker(program.role, process.pid, ours, pidfd, process.wait)


def dying_with_us() -> Callable[[], None]:
    """What a child runs before its program (`preexec_fn`), so that the kernel ends it with the thread that
    started it."""
    libc = ctypes.CDLL(None, use_errno=True)  # here: the child shall do as little as it can
    return partial(die_with, libc.prctl, os.getpid())


def die_with(prctl: Callable[..., int], parent: int) -> None:
    """Runs in the child, which the kernel ends with its parent from then on. That one may have ended before:
    then the child ends here. `prctl` is that of the C library."""
    if prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL)) != 0 or os.getppid() != parent:
        os._exit(1)
