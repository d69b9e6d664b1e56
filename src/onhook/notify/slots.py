"""How many requests leave at once, and who is next when there is no room.

There is a limit in all and one for each host, and room that becomes free goes to the waiting hosts in
turn. So a dead host, each of whose requests lasts until its deadline, holds neither all the room nor
the head of the queue: a host that is alive waits for one turn.
"""

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Host:
    in_use: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    in_turn: bool = False


class Slots:
    """At most `total` at once, at most `per_host` of them for one host."""

    def __init__(self, total: int, per_host: int) -> None:
        if total < 1 or per_host < 1:
            raise ValueError("there has to be room for one request")
        self._free = total
        self._per_host = per_host
        self._hosts: dict[str, _Host] = {}
        self._turns: deque[str] = deque()  # hosts that wait and are below their limit

    def hold(self, host: str) -> AbstractAsyncContextManager[None]:
        """Hold one place for a request to `host`, waiting for it if need be."""
        return _Place(self, host)

    async def acquire(self, name: str) -> None:
        """Wait for a place; it has to be given back by `release`."""
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host()
        # Free room means that nobody is waiting for it: see _hand_out.
        if self._free and host.in_use < self._per_host:
            self._take(host)
            return
        granted = asyncio.get_running_loop().create_future()
        host.waiting.append(granted)
        self._queue(name, host)
        self._hand_out()
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():
                self.release(name)  # granted and cancelled in the same moment
            elif granted in host.waiting:
                host.waiting.remove(granted)
                self._forget_if_idle(name, host)
            raise

    def release(self, name: str) -> None:
        """Give a place back."""
        host = self._hosts[name]
        host.in_use -= 1
        self._free += 1
        self._queue(name, host)
        self._forget_if_idle(name, host)
        self._hand_out()

    def _take(self, host: _Host) -> None:
        host.in_use += 1
        self._free -= 1

    def _queue(self, name: str, host: _Host) -> None:
        if host.waiting and not host.in_turn and host.in_use < self._per_host:
            host.in_turn = True
            self._turns.append(name)

    def _forget_if_idle(self, name: str, host: _Host) -> None:
        if not host.in_use and not host.waiting and not host.in_turn:
            del self._hosts[name]

    def _hand_out(self) -> None:
        while self._free and self._turns:
            name = self._turns.popleft()
            host = self._hosts[name]
            host.in_turn = False
            granted = host.waiting.popleft() if host.waiting else None
            if granted is not None and not granted.done():
                self._take(host)
                granted.set_result(None)
            self._queue(name, host)
            self._forget_if_idle(name, host)


class _Place(AbstractAsyncContextManager[None]):
    __slots__ = ("_host", "_slots")

    def __init__(self, slots: Slots, host: str) -> None:
        self._slots = slots
        self._host = host

    async def __aenter__(self) -> None:
        await self._slots.acquire(self._host)

    async def __aexit__(self, *_: object) -> None:
        self._slots.release(self._host)
