"""The UDP endpoint: datagrams in and out, nothing known of SIP but its largest size.

Works with asyncio's own loops and with uvloop. Whatever goes wrong with one datagram is counted;
nothing is raised into the event loop.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import cast

import structlog

from onhook.phone.message import Address

log = structlog.get_logger()

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""Asked of the kernel, so that a burst of calls outlives a pause of the loop; it may grant less."""

Receive = Callable[[bytes, Address], None]
"""Takes a datagram and the address it came from; must not raise."""


class UdpTransport(asyncio.DatagramProtocol):
    """A bound UDP socket. `address` is the real one after `open`, also when port 0 was asked."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None
        self._closed: asyncio.Future[None] | None = None
        self._paused = False
        self.address: Address = ("", 0)
        self.dropped = 0
        """Datagrams not sent because the socket was full, closed, or refused them."""

    async def open(self, host: str, port: int) -> None:
        """Bind. OSError passes through."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = found[0]
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            sock.bind(where)
            self._closed = loop.create_future()
            await loop.create_datagram_endpoint(lambda: self, sock=sock)
        except OSError:
            sock.close()
            raise
        self.address = sock.getsockname()[:2]

    async def close(self) -> None:
        """Close the socket and wait until the loop has let go of it."""
        if self._transport is not None and self._closed is not None:
            self._transport.close()
            await self._closed

    def send(self, data: bytes, address: Address) -> None:
        """Send a datagram, or drop it: SIP repeats what matters."""
        # The address is checked first: asyncio closes the whole socket over a port out of range,
        # and looks a name up while everything waits.
        if (
            self._transport is None
            or self._paused
            or self._transport.is_closing()
            or not _is_numeric(address, ":" in self.address[0])
        ):
            self.dropped += 1
            return
        try:
            self._transport.sendto(data, address)
        except (OSError, ValueError):  # uvloop raises where asyncio calls error_received
            self.dropped += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: the socket is ready."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio: the socket is closed."""
        self._transport = None
        if exc is not None:
            log.error("sip.transport_lost", error=str(exc))
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Asyncio: a datagram arrived."""
        if addr[1]:  # nobody can be answered at port 0
            self._receive(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Asyncio: the kernel refused to send, or an ICMP error came back."""
        self.dropped += 1

    def pause_writing(self) -> None:
        """Asyncio: its buffer is full; what comes now is dropped rather than piled up."""
        self._paused = True

    def resume_writing(self) -> None:
        """Asyncio: there is room again."""
        self._paused = False


@functools.lru_cache(maxsize=1024)
def _is_numeric(address: Address, over_ipv6: bool) -> bool:
    """Whether a socket of this family can send there without asking a name server."""
    try:
        version = ip_address(address[0]).version
    except ValueError:
        return False
    return version == (6 if over_ipv6 else 4) and 0 < address[1] < 65536


def address_towards(peer: str) -> str:
    """The local address from which datagrams to `peer` (numeric) leave; sends nothing.

    Raises OSError when there is no route.
    """
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((peer, 9))
        return str(probe.getsockname()[0])
