"""Sockets that SIP listens on, bound; whoever binds them need not be the process that reads them."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from onhook.listeners import ListenAddress
from onhook.phone.addresses import numeric

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""Asked of the kernel, so that a burst of calls outlives a pause of the loop; it may grant less."""
_ATTEMPTS = 10
"""To find a port that is free for UDP and TCP, when any will do."""


class ListenerRefused(OSError):
    """The system does not let us listen at `address`; `errno` and `strerror` are its own."""

    def __init__(self, address: ListenAddress, error: OSError) -> None:
        super().__init__(error.errno, error.strerror or str(error))
        self.address = address


@dataclass(frozen=True, slots=True)
class BoundListener:
    """A socket, and where it is bound: with its transport, and its real port."""

    address: ListenAddress
    socket: socket.socket


def bind(addresses: Sequence[ListenAddress]) -> tuple[BoundListener, ...]:
    """Binds all of them, or none; port 0 is any. Raises `ListenerRefused`."""
    bound: list[BoundListener] = []
    try:
        for address in addresses:
            bound += _bound(address)
    except OSError as error:
        for each in bound:
            each.socket.close()
        raise ListenerRefused(address, error) from error
    return tuple(bound)


def adopt(transport: str, bound: socket.socket) -> BoundListener:
    """A socket that somebody else has bound. Its transport is `udp`, `tcp` or `tls`."""
    bound.setblocking(False)
    return BoundListener(ListenAddress(*numeric(bound.getsockname()), transport), bound)


def _bound(address: ListenAddress) -> list[BoundListener]:
    host, port = address.host, address.port
    if address.transport == "udp":
        return [adopt("udp", _datagrams(host, port))]
    if address.transport in ("tcp", "tls"):
        return [adopt(address.transport, _stream(host, port))]
    for attempt in range(_ATTEMPTS):
        udp = adopt("udp", _datagrams(host, port))
        try:
            return [udp, adopt("tcp", _stream(host, udp.address.port))]
        except OSError:
            udp.socket.close()
            if port or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("every attempt returns or raises")


def _datagrams(host: str, port: int) -> socket.socket:
    sock = _socket(host, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, RECEIVE_BUFFER_BYTES)
    return _at(sock, host, port)


def _stream(host: str, port: int) -> socket.socket:
    sock = _socket(host, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _at(sock, host, port)


def _socket(host: str, kind: socket.SocketKind) -> socket.socket:
    """An IPv6 one hears no IPv4 (RFC 3493 5.3), so that addresses are what they seem."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, kind)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


def _at(sock: socket.socket, host: str, port: int) -> socket.socket:
    try:
        # A link-local host names its link (RFC 4007 11), which is a number of its own for the kernel.
        found = socket.getaddrinfo(host, port, type=sock.type, flags=socket.AI_NUMERICHOST)
        sock.bind(found[0][4])
    except OSError:
        sock.close()
        raise
    return sock
