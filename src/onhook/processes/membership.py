"""What a process that runs as long as the server has of the supervisor: how it begins, and is reached."""

import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from onhook.processes.channel import MAX_BYTES, MAX_DESCRIPTORS, Channel

_LAST_STANDARD: Final = 2  # input, output, errors

END: Final = signal.SIGUSR1
"""Asks a process to end. Nobody else sends it: a service manager that stops the server sends SIGTERM to all
of its processes, and which of them ends when is the supervisor's affair."""
HANDED_OVER: Final = 64
"""The exit status of a switch that has left its calls to the next one."""
CHANNEL: Final = "ONHOOK_CHANNEL"
"""The variable that holds the number of the channel's descriptor."""

_ROOM_BYTES: Final = MAX_BYTES - 1024
"""For what is said of connections in one message."""
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
        self.urgent: bool = begin.get("urgent", True)
        """Whether the server is just starting, and waits for this process."""
        self.settings: dict[str, Any] = begin["settings"]
        """All settings by name, in values of JSON: see `onhook.server.settings.Settings.written`."""
        self.sockets: dict[str, socket.socket] = {
            name: socket.socket(fileno=descriptor)
            for name, descriptor in zip(begin["sockets"], descriptors, strict=False)
        }
        """Those that the supervisor has bound, by name."""
        self.memory: tuple[int, ...] = tuple(descriptors[len(self.sockets) :])
        """Descriptors of memory that the supervisor shares with this process: for a switch, where it notes
        whose event is at hand, and what the last media planes had."""
        self.planes: tuple[str, ...] = tuple(begin.get("planes", ("plane",)))
        """For a switch: the roles of the media planes that there are."""
        self.suspects: dict[int, int] = dict(begin.get("suspects", ()))
        """Those at whose event earlier ones died (`onhook.at_hand`), and what they were doing."""

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
        return cls.begun(channel)

    @classmethod
    def begun(cls, channel: Channel) -> "Membership":
        """The place that is told over a channel. Raises RuntimeError if nobody tells."""
        first = channel.receive()
        if first is None:
            raise RuntimeError("the supervisor has ended")
        return cls(channel, *first)

    def ready(self, **facts: Any) -> None:
        """Say that it does its work from now on."""
        self.channel.send({"say": "ready", **facts})

    def keeps(self, why: str) -> None:
        """Say in a sentence why it hands nothing over, and goes on."""
        self.channel.send({"say": "kept", "why": why})

    def pass_on(self, kind: str, connections: Sequence[tuple[int, Any]]) -> None:
        """The next process of this role takes these connections: descriptors, which stay ours too, and what
        is to be said of each, in JSON. Waits for room in the channel, which does not block afterwards."""
        self.channel.set_blocking(True)
        for some in _messages_of(connections):
            told = {"say": "connections", "kind": kind, "about": [about for _, about in some]}
            self.channel.send(told, [descriptor for descriptor, _ in some])
        self.channel.set_blocking(False)

    def leaves_relay(self, pid: int) -> None:
        """Say that a process of ours stays when we end, and relays connections."""
        self.channel.send({"say": "relay", "pid": pid})

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

    def show_library(self, descriptor: int) -> None:
        """Whoever is of another version speaks with this process by this library: its file."""
        self.channel.send({"say": "library"}, [descriptor])

    def finished(self, role: str) -> None:
        """Say that the process of another role has nothing more to do, and is to end for good."""
        self.channel.send({"say": "finished", "process": role})


def _messages_of(connections: Sequence[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
    """As many at a time as one message has room for."""
    some: list[tuple[int, Any]] = []
    size = 0
    for each in connections:
        more = len(json.dumps(each[1]))
        if some and (len(some) == MAX_DESCRIPTORS or size + more > _ROOM_BYTES):
            yield some
            some, size = [], 0
        some.append(each)
        size += more
    if some:
        yield some


def _leave_to_nobody() -> None:
    """What the supervisor left to this process, the lock of the data directory included, goes no further."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  numbers are wanted, not paths
        with suppress(OSError):  # the one by which the directory was read
            if int(name) > _LAST_STANDARD:
                os.set_inheritable(int(name), False)
