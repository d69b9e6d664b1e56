"""Connections with TLS that a process has agreed on, and that another one talks over.

Nobody else can have the keys of a connection. So whoever made it stays, and relays: on the one side the peer,
encrypted; on the other the process that goes on with the calls, in the clear, over a socket of this machine.
One thread and no event loop, as what is left of a process that was forked has none.
"""

import selectors
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from onhook.phone.passing import Relayed
from onhook.phone.tls.session import TlsRefused, TlsSession

_READ_BYTES: Final = 64 * 1024
_MAX_WAITING_BYTES: Final = 256 * 1024
"""In each direction; beyond it nothing more is read."""


def relay(connections: Sequence[Relayed]) -> None:
    """Until all of them are closed, by whichever side."""
    with selectors.DefaultSelector() as selector:
        for each in connections:
            _Relay(selector, each).look()
        while selector.get_map():
            for key, _ in selector.select():
                one: _Relay = key.data
                if not one.over:
                    one.serve()


class _Way:
    """What goes to one of two sockets, until it has left."""

    def __init__(self, towards: socket.socket) -> None:
        self.socket = towards
        self.waiting = bytearray()
        self.last = False
        """Whether nothing follows."""

    def send(self) -> None:
        while self.waiting:
            try:
                del self.waiting[: self.socket.send(self.waiting)]
            except BlockingIOError:
                return

    def receive(self) -> bytes | None:
        """What has come the other way; None if nothing has, and nothing at its end."""
        try:
            return self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None


class _Relay:
    """One connection."""

    def __init__(self, selector: selectors.BaseSelector, relayed: Relayed) -> None:
        self._selector = selector
        self._session: TlsSession = relayed.session
        self._peer = _Way(socket.socket(fileno=relayed.secured))
        self._ours = _Way(socket.socket(fileno=relayed.plain))
        self.over = False
        for each in (self._peer, self._ours):
            each.socket.setblocking(False)

    def serve(self) -> None:
        """Something can be read, or written."""
        try:
            self._read_peer()
            self._read_ours()
            self._peer.send()
            self._ours.send()
        except (OSError, TlsRefused):
            self._close()
            return
        self.look()

    def look(self) -> None:
        """Wait for what can be done next; or end, where one side has ended and all is said."""
        if any(way.last and not way.waiting for way in (self._peer, self._ours)):
            self._close()
            return
        for way, other in ((self._peer, self._ours), (self._ours, self._peer)):
            reads = not other.last and len(other.waiting) <= _MAX_WAITING_BYTES
            events = (selectors.EVENT_READ if reads else 0) | (
                selectors.EVENT_WRITE if way.waiting else 0
            )
            self._wait(way.socket, events)

    def _read_peer(self) -> None:
        if self._ours.last or len(self._ours.waiting) > _MAX_WAITING_BYTES:
            return
        data = self._peer.receive()
        if data:
            self._ours.waiting += self._session.receive(data)
            self._peer.waiting += self._session.take()
        if data == b"" or self._session.closed:
            self._ours.last = True

    def _read_ours(self) -> None:
        if self._peer.last or len(self._peer.waiting) > _MAX_WAITING_BYTES:
            return
        data = self._ours.receive()
        if data:
            self._session.write(data)
            self._peer.waiting += self._session.take()
        elif data == b"":
            self._peer.last = True

    def _wait(self, sock: socket.socket, events: int) -> None:
        known = self._selector.get_map().get(sock)
        if known is None and events:
            self._selector.register(sock, events, self)
        elif known is not None and events:
            self._selector.modify(sock, events, self)
        elif known is not None:
            self._selector.unregister(sock)

    def _close(self) -> None:
        self.over = True
        for way in (self._peer, self._ours):
            with suppress(KeyError):
                self._selector.unregister(way.socket)
            way.socket.close()
