"""One process of the supervisor's: started, talked to, and known to be dead the moment it is."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from onhook.processes.channel import Channel, Message
from onhook.processes.membership import CHANNEL, Running
from onhook.processes.workers import dying_with_us
from onhook.server.supervisor.roles import Role


class Child:
    """A process with a role, from its start on. `begin` is the first that it is told."""

    def __init__(
        self,
        role: Role,
        generation: int,
        begin: Mapping[str, Any],
        sockets: Mapping[str, int],
        kept_open: Sequence[int],
    ) -> None:
        """Raises OSError when there is none."""
        ours, theirs = Channel.pair()
        try:
            self._process = _started(role, theirs, kept_open)
            self.pidfd = _pidfd(self._process)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.role = role
        self.generation = generation
        self.pid = self._process.pid
        self.channel = ours
        self.since = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.ready = False
        """Whether it has said that it does its work."""
        self._waiting: deque[tuple[Message, list[int]]] = deque()
        ours.set_blocking(False)
        first = {
            "say": "begin",
            "role": role.name,
            "generation": generation,
            "sockets": list(sockets),
        }
        with suppress(BrokenPipeError, ConnectionResetError):  # it is dead; its pidfd says so
            ours.send({**first, **begin}, list(sockets.values()))

    @property
    def running(self) -> Running:
        """What is told of it."""
        return Running(self.role.name, self.pid, self.since, self.generation - 1, self.ready)

    @property
    def wants_to_send(self) -> bool:
        """Whether something waits for room in the channel."""
        return bool(self._waiting)

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Tell it something, in order, as soon as it listens; the descriptors are closed here then."""
        self._waiting.append((message, list(descriptors)))
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as there is room."""
        while self._waiting:
            message, descriptors = self._waiting[0]
            try:
                self.channel.send(message, descriptors)
            except BlockingIOError:
                return
            except OSError:  # it is dying; its pidfd says so in a moment
                pass
            self._waiting.popleft()
            for each in descriptors:
                os.close(each)

    def signal(self, number: int) -> None:
        """Send it a signal; a dead one does not mind."""
        self._process.send_signal(number)

    def buried(self) -> int:
        """After its death: its status as `subprocess` has it, negative for a signal."""
        status = self._process.wait()
        os.close(self.pidfd)
        self.channel.close()
        for _, descriptors in self._waiting:
            for each in descriptors:
                os.close(each)
        self._waiting.clear()
        return status


def _started(role: Role, channel: Channel, kept_open: Sequence[int]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", role.module],
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
