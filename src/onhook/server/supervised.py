"""What the switch hears of the supervisor, and asks of it."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import get_ident
from typing import Any, Final

from onhook.processes.membership import HERE, Membership, Running
from onhook.processes.workers import Worker
from onhook.server.supervisor.roles import ROLES, SWITCH

_ANSWER_S: Final = 30.0
"""A machine that takes so long to start a process has other troubles."""

OnConnection = Callable[[int, Any], None]
"""Takes a descriptor, its own from then on, and what was said of it."""

OnLink = Callable[[list[int]], None]
"""Takes the descriptors of a link, which are its own from then on."""


class Supervised:
    """The switch's side of its membership. Belongs to one event loop, from `listen` on."""

    def __init__(self, member: Membership) -> None:
        self.member = member
        self.processes: tuple[Running, ...] = ()
        """What runs now, the supervisor first."""
        self.on_reload: Callable[[], None] = lambda: None
        """Hears that certificates are to be read again."""
        self.on_hand_over: Callable[[], None] = lambda: self.member.keeps("It is still starting.")
        """Hears that the next switch is to have the calls."""
        self.sockets: dict[int, tuple[int, int]] = {}
        """Those of calls' audio that an earlier switch had kept, by port; whole once there is a link to the
        media plane. Whoever takes them out of here closes them."""
        self._connections: list[tuple[str, int, Any]] = []
        self._on_connection: dict[str, OnConnection] = {}
        self._on_link: dict[str, OnLink] = {}
        self._links: dict[str, list[int]] = {}
        self._asked: dict[int, Future[Worker]] = {}
        self._last_id = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def missing(self) -> frozenset[str]:
        """The roles of processes that should do their work and do not, apart from this one's."""
        there = {each.role for each in self.processes if each.ready}
        return frozenset(role.name for role in ROLES if role.name != SWITCH) - there

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear the supervisor from now on."""
        self._loop = loop
        self._thread = get_ident()
        self.member.channel.set_blocking(False)
        loop.add_reader(self.member.channel, self._read, loop)

    def on_link(self, name: str, take: OnLink) -> None:
        """Have `take` called with each link to the process `name`: one after each start of it."""
        self._on_link[name] = take
        if name in self._links:
            take(self._links.pop(name))

    def on_connection(self, kind: str, take: "OnConnection") -> None:
        """Have `take` called with each connection of a kind that the switch before has left."""
        self._on_connection[kind] = take
        mine = [each for each in self._connections if each[0] == kind]
        self._connections = [each for each in self._connections if each[0] != kind]
        for _, descriptor, about in mine:
            take(descriptor, about)

    def _take_connections(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        kind = message["kind"]
        take = self._on_connection.get(kind)
        for descriptor, about in zip(descriptors, message["about"], strict=True):
            if take is None:
                self._connections.append((kind, descriptor, about))
            else:
                take(descriptor, about)

    def start(self, program: str, *arguments: str) -> Worker:
        """Have the supervisor start a worker (a `Starter`). Blocks, so it is not for the loop's own thread.

        Raises OSError.
        """
        if self._loop is None or get_ident() == self._thread:
            raise RuntimeError("a worker is asked for in a thread, while the loop runs")
        answer: Future[Worker] = Future()
        try:
            self._loop.call_soon_threadsafe(self._ask, program, arguments, answer)
        except RuntimeError as error:  # the loop is closed
            raise OSError("the server is stopping") from error
        try:
            return answer.result(_ANSWER_S)
        except TimeoutError as error:
            if not answer.cancel():  # it is there after all
                return answer.result()
            raise OSError("the supervisor does not answer") from error

    def _ask(self, program: str, arguments: tuple[str, ...], answer: "Future[Worker]") -> None:
        self._last_id += 1
        asked = {"say": "start", "id": self._last_id, "program": program, "arguments": arguments}
        try:
            self.member.channel.send(asked)
        except OSError as error:
            answer.set_exception(OSError(f"the supervisor cannot be asked: {error.strerror}"))
        else:
            self._asked[self._last_id] = answer

    def _take_worker(self, told: Mapping[str, Any], descriptors: list[int]) -> None:
        pidfd, end = descriptors
        worker = Worker(told["role"], told["pid"], socket.socket(fileno=end), pidfd)
        answer = self._asked.pop(told["id"])
        if answer.set_running_or_notify_cancel():
            answer.set_result(worker)
        else:  # nobody waits any more
            worker.close()

    def _refuse(self, told: Mapping[str, Any]) -> None:
        answer = self._asked.pop(told["id"])
        if answer.set_running_or_notify_cancel():
            answer.set_exception(OSError(told["why"]))

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            try:
                heard = self.member.channel.receive()
            except BlockingIOError:
                return
            if heard is None:  # the kernel ends us too
                loop.remove_reader(self.member.channel)
                return
            message, descriptors = heard
            match message["say"]:
                case "processes":
                    self.processes = tuple(Running(**each) for each in message["processes"])
                case "link":
                    self._take_link(message["link"], descriptors)
                case "worker":
                    self._take_worker(message, descriptors)
                case "refused":
                    self._refuse(message)
                case "reload":
                    self.on_reload()
                case "hand over":
                    self.on_hand_over()
                case "connections":
                    self._take_connections(message, descriptors)
                case "sockets":
                    pairs = zip(descriptors[::2], descriptors[1::2], strict=True)
                    self.sockets.update(zip(message["ports"], pairs, strict=True))
                case "ping":
                    with suppress(OSError):  # no room: it has not read for long, so it is no wonder
                        self.member.channel.send(HERE)

    def _take_link(self, name: str, descriptors: list[int]) -> None:
        take = self._on_link.get(name)
        if take is not None:
            take(descriptors)
            return
        for each in self._links.pop(name, ()):
            os.close(each)
        self._links[name] = descriptors
