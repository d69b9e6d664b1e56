"""What a process that runs as long as the server has of the supervisor: how it begins, and is reached."""

import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from onhook.processes.channel import Channel

_LAST_STANDARD: Final = 2  # input, output, errors

END: Final = signal.SIGUSR1
"""Asks a process to end. Nobody else sends it: a service manager that stops the server sends SIGTERM to all
of its processes, and which of them ends when is the supervisor's affair."""
CHANNEL: Final = "ONHOOK_CHANNEL"
"""The variable that holds the number of the channel's descriptor."""

HERE: Final = {"say": "pong"}
"""What a process answers that is asked whether it is there (`ping`)."""


class Running(NamedTuple):
    """A process of the server."""

    role: str
    pid: int
    since: str
    """When it was started, ISO 8601 in UTC."""
    restarts: int
    """How many before it had its place and died."""
    ready: bool
    """Whether it does its work."""


class Membership:
    """One process among those of the supervisor. Blocks, and is for one thread."""

    def __init__(
        self, channel: Channel, begin: Mapping[str, Any], descriptors: Sequence[int]
    ) -> None:
        self.channel = channel
        self.role: str = begin["role"]
        self.generation: int = begin["generation"]
        """1 for the first process that has this role, 2 for the next."""
        self.settings: dict[str, Any] = begin["settings"]
        """All settings by name, in values of JSON: see `onhook.server.settings.Settings.written`."""
        self.sockets: dict[str, socket.socket] = {
            name: socket.socket(fileno=descriptor)
            for name, descriptor in zip(begin["sockets"], descriptors, strict=True)
        }
        """Those that the supervisor has bound, by name."""

    @classmethod
    def join(cls) -> "Membership":
        """Take the place that the supervisor gave this process. Raises RuntimeError without one."""
        # Whoever ends the server tells the supervisor; the terminal, or a service manager, tells everybody.
        for each in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        number = os.environ.pop(CHANNEL, "")
        if not number.isdigit():
            raise RuntimeError("this program is a part of the server: run 'onhook serve'")
        channel = Channel(socket.socket(fileno=int(number)))
        _leave_to_nobody()
        first = channel.receive()
        if first is None:
            raise RuntimeError("the supervisor has ended")
        return cls(channel, *first)

    def ready(self, **facts: Any) -> None:
        """Say that it does its work from now on."""
        self.channel.send({"say": "ready", **facts})

    def failed(self, why: str, *, lasting: bool = False) -> None:
        """Say in a sentence for the operator why this process cannot run; it ends itself.

        If that is so from the first start on, or `lasting`, the server ends; else it is tried again.
        """
        self.channel.send({"say": "failed", "why": why, "lasting": lasting})

    def answer(self) -> bool:
        """Wait for the supervisor's next question whether this process is there, and answer it; False when
        none will come any more. For processes that are told nothing else, from one thread or a loop's reader.
        """
        heard = self.channel.receive()
        if heard is None:
            return False
        if heard[0]["say"] == "ping":
            with suppress(OSError):
                self.channel.send(HERE)
        return True

    def offer(self, link: str, descriptors: Sequence[int]) -> None:
        """Whoever is to talk to this process, as `link`, takes these. They can be closed here afterwards."""
        self.channel.send({"say": "offer", "link": link}, descriptors)


def _leave_to_nobody() -> None:
    """What the supervisor left to this process, the lock of the data directory included, goes no further."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  numbers are wanted, not paths
        with suppress(OSError):  # the one by which the directory was read
            if int(name) > _LAST_STANDARD:
                os.set_inheritable(int(name), False)
