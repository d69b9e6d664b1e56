"""One process of the supervisor's: started, talked to, and known to be dead the moment it is."""

import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from onhook.processes.channel import Message
from onhook.processes.membership import Running
from onhook.server.supervisor.roles import Role
from onhook.server.supervisor.starting import Process


class Child:
    """A process with a role, from its start on. `begin` is the first that it is told; with it come the
    descriptors of listening sockets, by name, and of memory that is shared with it."""

    def __init__(
        self,
        role: Role,
        generation: int,
        begin: Mapping[str, Any],
        sockets: Mapping[str, int],
        memory: Sequence[int],
        process: Process,
    ) -> None:
        self._process = process
        self.pidfd = process.pidfd
        self.pid = process.pid
        self.channel = process.channel
        self.role = role
        self.generation = generation
        self.since = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.ready = False
        """Whether it has said that it does its work."""
        self.facts: Mapping[str, Any] = {}
        """What it said then."""
        self.library: int | None = None
        """The file of the library by which another version speaks with it, if it has shown one."""
        self.hung = False
        """Whether it was killed because it did not answer."""
        self._waiting: deque[tuple[Message, list[int]]] = deque()
        self.channel.set_blocking(False)
        first = {
            "say": "begin",
            "role": role.name,
            "generation": generation,
            "sockets": list(sockets),
        }
        with suppress(BrokenPipeError, ConnectionResetError):  # it is dead; its pidfd says so
            self.channel.send({**first, **begin}, [*sockets.values(), *memory])

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
                return
            self._waiting.popleft()
            for each in descriptors:
                os.close(each)

    def shows(self, library: Sequence[int]) -> None:
        """The file of its library, if there was room for the descriptor. The first is kept, which it shows
        before it hears anything of a stranger: others run what is in it."""
        for each in library:
            if self.library is None:
                self.library = each
            else:
                os.close(each)

    def signal(self, number: int) -> None:
        """Send it a signal; a dead one does not mind."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def left(self) -> list[tuple[Message, list[int]]]:
        """What it was to be told and was not sent any more, which is the caller's from now on."""
        left = list(self._waiting)
        self._waiting.clear()
        return left

    def buried(self) -> int:
        """After its death: its status as `subprocess` has it, negative for a signal."""
        status = self._process.wait()
        os.close(self.pidfd)
        if self.library is not None:
            os.close(self.library)
        self.channel.close()
        for _, descriptors in self.left():
            for each in descriptors:
                os.close(each)
        return status
