"""A UDP socket that knows when the kernel received each datagram (SO_TIMESTAMPNS on Linux).

An event loop sees a datagram when it gets round to it; a test that measures the distance between
two packets must not measure the loop. Elsewhere than on Linux the time of reading is taken.
"""

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from onhook.testing.sip_text import Address

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; CPython has no name for it
_TIMESPEC = struct.Struct("@ll")
_AT_ONCE = 64  # datagrams a wake-up, so that one busy socket does not starve the others
_RECEIVE_BUFFER_BYTES = 1 << 20
_LARGEST_BYTES = 65535
_EVEN_ATTEMPTS = 64
_OLDEST_S = 60.0  # a datagram seen later than this means that the wall clock was set meanwhile
_READINGS = 10
_SAME_MOMENT_S = 0.000_02

Receive = Callable[[bytes, float, Address], None]
"""What takes a datagram: its bytes, the monotonic time of its arrival in seconds, its source."""


class DatagramSocket:
    """A bound UDP socket, of IPv4 or IPv6, on the running event loop (asyncio's own or uvloop)."""

    def __init__(self, sock: socket.socket, receive: Receive) -> None:
        self.address: Address = sock.getsockname()[:2]
        """The address and port that the socket is bound to."""
        self.unsent = 0
        """Datagrams that the kernel did not take."""
        self._sock = sock
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._read)

    @classmethod
    def open(
        cls, host: str, receive: Receive, *, port: int = 0, even: bool = False
    ) -> "DatagramSocket":
        """Bind a socket; `even` asks for an even port (RFC 3550 11). OSError passes through."""
        refused: list[socket.socket] = []  # held, so that the kernel does not offer them again
        try:
            for _ in range(_EVEN_ATTEMPTS):
                sock = _bind(host, port)
                if not even or port or sock.getsockname()[1] % 2 == 0:
                    return cls(sock, receive)
                refused.append(sock)
            raise OSError(f"no even UDP port was free on {host}")
        finally:
            for sock in refused:
                sock.close()

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram; what the kernel refuses is lost, as on any network, and counted."""
        try:
            self._sock.sendto(data, to)
        except OSError:
            self.unsent += 1

    def repeat(self, data: bytes, to: Address) -> None:
        """Send a datagram that may have been lost before."""
        self.send(data, to)

    def close(self) -> None:
        """Stop receiving and free the port; may be called twice."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, _, source = self._sock.recvmsg(_LARGEST_BYTES, 64)
            except OSError:  # nothing more, or an ICMP error of an earlier datagram
                return
            self._receive(data, _arrived_s(ancillary), source[:2])
            if self._sock.fileno() < 0:  # closed by what was received
                return


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # the time of reading will do
                sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _arrived_s(ancillary: list[tuple[int, int, bytes]] | Any) -> float:
    """Turn the kernel's wall-clock time into a monotonic one, through the datagram's age."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            now_s, wall_ns = _both_clocks()
            age_s = (wall_ns - (seconds * 1_000_000_000 + nanoseconds)) / 1e9
            return now_s - age_s if 0 <= age_s < _OLDEST_S else now_s
    return time.monotonic()


def _both_clocks() -> tuple[float, int]:
    """The same moment, monotonic in seconds and of the wall clock in nanoseconds.

    Whoever is made to wait between the two readings takes them once more.
    """
    for _ in range(_READINGS):
        now_s, wall_ns = time.monotonic(), time.time_ns()
        if time.monotonic() - now_s < _SAME_MOMENT_S:
            break
    return now_s, wall_ns
