"""SIP of the test phone over connections, TCP or TLS, in the shape of a `DatagramSocket`.

A message goes over the connection with its address; over one with the same host, if that is all there is,
as phones do whose server calls them back; or else over a new one.
"""

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Literal, cast

from onhook.testing.datagrams import Receive
from onhook.testing.sip_text import Address

Transport = Literal["udp", "tcp", "tls"]

_BLANK = b"\r\n\r\n"


class SipPlace(tuple[str, int]):
    """The address of a phone that is reached over another transport than UDP."""

    transport: str = "UDP"

    @classmethod
    def over(cls, transport: str, address: Address) -> "SipPlace":
        """An address with its transport, as Via names it."""
        place = cls(address)
        place.transport = transport
        return place


@dataclass(frozen=True, slots=True)
class PhoneTls:
    """How a phone does TLS: its own certificate and key, which others ask for when they connect to it, and
    whose certificates it believes; all are PEM files."""

    certificate: str = ""
    key: str = ""
    ca_file: str = ""

    def server(self) -> ssl.SSLContext:
        """For whoever connects to the phone."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key or None)
        return context

    def client(self) -> ssl.SSLContext:
        """For connections of the phone, which looks at no name: servers are numeric."""
        context = ssl.create_default_context(cafile=self.ca_file or None)
        context.check_hostname = False
        if not self.ca_file:
            context.verify_mode = ssl.CERT_NONE
        return context


class StreamSocket:
    """All SIP connections of a phone; open it with `open`."""

    def __init__(self, receive: Receive, tls: PhoneTls | None) -> None:
        self.receive = receive
        self.unsent = 0
        """Messages that found no connection."""
        self.connections: dict[Address, _Stream] = {}
        self.made = 0
        """How many there have been, whoever made them."""
        self.address: Address = ("", 0)
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, host: str, receive: Receive, *, port: int = 0, tls: PhoneTls | None = None
    ) -> "StreamSocket":
        """Listen; over TLS if that is given. OSError passes through."""
        made = cls(receive, tls)
        loop = asyncio.get_running_loop()
        secured = tls.server() if tls is not None and tls.certificate else None
        made._server = await loop.create_server(lambda: _Stream(made), host, port, ssl=secured)
        bound = made._server.sockets[0].getsockname()[:2]
        made.address = SipPlace.over("TCP" if tls is None else "TLS", bound)
        return made

    def send(self, data: bytes, to: Address) -> None:
        """Send a message, once there is a connection for it."""
        stream = self._for(to)
        if stream is None:
            stream = self.connections[to[0], to[1]] = _Stream(self, (to[0], to[1]))
            task = asyncio.ensure_future(self._connect(stream, to))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        stream.send(data)

    def repeat(self, data: bytes, to: Address) -> None:
        """Send a message unless it was sent over the connection that there is: nothing gets lost there (RFC
        3261 17.1.2.2)."""
        stream = self._for(to)
        if stream is None or data not in stream.carried:
            self.send(data, to)

    def close(self) -> None:
        """End all connections and free the port; may be called twice."""
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
            self._server = None
        for stream in [*self.connections.values()]:
            stream.close()
        self.connections.clear()

    def _for(self, to: Address) -> "_Stream | None":
        return self.connections.get((to[0], to[1])) or self._of_host(to[0])

    def _of_host(self, host: str) -> "_Stream | None":
        found = [stream for (there, _), stream in self.connections.items() if there == host]
        return found[-1] if found else None

    async def _connect(self, stream: "_Stream", to: Address) -> None:
        secured = None if self._tls is None else self._tls.client()
        name = None if secured is None else to[0]
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(
                lambda: stream, to[0], to[1], ssl=secured, server_hostname=name,
                local_addr=(self.address[0], 0),  # as it is known to whoever answers
            )  # fmt: skip
        except OSError:  # TLS that was refused is one
            self.unsent += len(stream.waiting)
            self.connections.pop((to[0], to[1]), None)


class _Stream(asyncio.Protocol):
    """One connection; cuts what comes into messages by Content-Length (RFC 3261 18.3)."""

    def __init__(self, owner: StreamSocket, peer: Address | None = None) -> None:
        self.waiting: list[bytes] = []
        self.carried: set[bytes] = set()
        """What was sent, or waits."""
        self._owner = owner
        self._peer = peer
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Write, or wait for the connection."""
        self.carried.add(data)
        if self._transport is None:
            self.waiting.append(data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """End it once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it is there."""
        self._owner.made += 1
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._peer is None:
            self._peer = transport.get_extra_info("peername")[:2]
            self._owner.connections[self._peer] = self
        for data in self.waiting:
            self._transport.write(data)
        self.waiting.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio: it is gone."""
        self._transport = None
        if self._peer is not None and self._owner.connections.get(self._peer) is self:
            del self._owner.connections[self._peer]

    def data_received(self, data: bytes) -> None:
        """Asyncio: a part of the stream."""
        self._buffer += data
        while message := self._cut():
            if self._peer is not None:
                self._owner.receive(message, time.monotonic(), self._peer)

    def _cut(self) -> bytes:
        if self._buffer.startswith(_BLANK):  # a ping, which is answered (RFC 5626 4.4.1)
            self.send(b"\r\n")
            self._buffer = self._buffer[len(_BLANK) :]
        while self._buffer.startswith(b"\r\n") and not _BLANK.startswith(self._buffer):
            self._buffer = self._buffer[2:]
        head, blank, _ = self._buffer.partition(_BLANK)
        if not blank:
            return b""
        size = len(head) + len(blank) + _length(head)
        if len(self._buffer) < size:
            return b""
        message, self._buffer = self._buffer[:size], self._buffer[size:]
        return message


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip() in (b"content-length", b"l"):
            return int(value)
    return 0
