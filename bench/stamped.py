"""Sockets whose data carries the moment in which the kernel got it, in nanoseconds since the epoch.

A process that is woken late, or is busy with another call, then measures the same.
"""

import socket
import struct
import time
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qsl

SO_TIMESTAMPNS = 35
"""linux/socket.h; the module `socket` does not have it."""

_CONTROL_BYTES = 256
_READ_BYTES = 65536

Received: TypeAlias = tuple[bytes, int, tuple[str, int]]
"""Data, time stamp, and where it came from."""


def stamped_udp() -> socket.socket:
    """A datagram socket on a free port of loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def receive(sock: socket.socket) -> Received | None:
    """What waits in the socket; None if nothing does."""
    try:
        data, control, _, source = sock.recvmsg(_READ_BYTES, _CONTROL_BYTES)
    except BlockingIOError:
        return None
    for level, kind, value in control:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value[:16])
            return data, seconds * 10**9 + nanoseconds, source
    return data, time.time_ns(), source


@dataclass(slots=True)
class HttpMessage:
    """A request or a reply with a Content-Length; `at_ns` is when its first byte was here."""

    first_line: str
    body: bytes
    at_ns: int

    @property
    def form(self) -> dict[str, str]:
        """The parameters of a form-encoded body."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(slots=True)
class HttpStream:
    """A connection that is kept alive, read message by message."""

    sock: socket.socket
    _data: bytearray = field(default_factory=bytearray)
    _at_ns: int = 0
    closed: bool = False

    @classmethod
    def over(cls, sock: socket.socket) -> "HttpStream":
        """Take a connected socket over."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setblocking(False)
        return cls(sock)

    def send(self, data: bytes) -> int:
        """Send something small; returns the moment just before."""
        at_ns = time.time_ns()
        self.sock.sendall(data)
        return at_ns

    def read(self) -> list[HttpMessage]:
        """The messages that are complete now. Sets `closed` at the end of the connection."""
        while not self.closed:
            received = receive(self.sock)
            if received is None:
                break
            data, at_ns, _ = received
            self.closed = not data
            if not self._data:
                self._at_ns = at_ns
            self._data += data
        return self._complete()

    def _complete(self) -> list[HttpMessage]:
        messages: list[HttpMessage] = []
        while True:
            head, found, rest = bytes(self._data).partition(b"\r\n\r\n")
            if not found:
                return messages
            first, *lines = head.decode("latin-1").split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in lines)
            length = int(fields.get("content-length", "0"))
            if len(rest) < length:
                return messages
            messages.append(HttpMessage(first, rest[:length], self._at_ns))
            self._data = bytearray(rest[length:])
