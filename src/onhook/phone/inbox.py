"""What was read and not yet served: new calls wait for their turn, and nothing else does.

An INVITE is the one request that costs much, and the one that can be turned away. So of those that are
there at once only as many are served as take a few milliseconds, then the loop has its turn, and what they
set off runs; whatever else arrives is served at once. While nothing waits, all is served in the order in
which it came. An INVITE that waited for T1 is forgotten: its sender has repeated it by then (RFC 3261
17.1.1.2).
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from onhook.phone.message import Address

TURN_S = 0.01
"""So long INVITEs are served before the loop has its turn."""
FORGOTTEN_S = 0.5
MAX_WAITING = 5000

Serve = Callable[[bytes, Address], None]
"""Takes a datagram, and where it came from; must not raise."""


class InboxLoop(Protocol):
    """Runs a function soon, and knows the time. An event loop is one."""

    def time(self) -> float:
        """Seconds on a monotonic clock."""

    def call_soon(self, callback: Callable[[], object], /) -> object:
        """Run `callback` after what is to be run already."""


class Inbox:
    """Of one socket. Nothing is served before `open` or after `close`."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._loop: InboxLoop | None = None
        self._waiting: deque[tuple[float, bytes, Address]] = deque()
        self._scheduled = False
        self.unread = 0
        """INVITEs that were forgotten, or found no room."""

    def open(self, loop: InboxLoop) -> None:
        """Has a loop from now on; nothing is served before."""
        self._loop = loop

    def close(self) -> None:
        """Drops what waits."""
        self._loop = None
        self._waiting.clear()

    @property
    def waiting(self) -> int:
        """INVITEs whose turn is not there yet."""
        return len(self._waiting)

    def put(self, data: bytes, source: Address) -> None:
        """Serve a datagram, or keep it if it is an INVITE."""
        if self._loop is None:
            return
        if not data.startswith(b"INVITE "):
            if not self._scheduled:  # what came before it goes before it
                self.serve()
            self._serve(data, source)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append((self._loop.time(), data, source))
        else:
            self.unread += 1

    def serve(self) -> None:
        """Serve what waits, for one turn; the rest when the loop comes round again."""
        if self._loop is None or self._scheduled or not self._waiting:
            return
        began_s = now_s = self._loop.time()
        while self._waiting and now_s - began_s < TURN_S and self._loop is not None:
            arrived_s, data, source = self._waiting.popleft()
            if now_s - arrived_s < FORGOTTEN_S:
                self._serve(data, source)
            else:
                self.unread += 1
            now_s = self._loop.time() if self._loop is not None else now_s
        if self._waiting and self._loop is not None:
            self._scheduled = True
            self._loop.call_soon(self._again)

    def _again(self) -> None:
        self._scheduled = False
        self.serve()
