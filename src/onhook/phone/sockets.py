"""The listeners of an endpoint, and which of them a message leaves from."""

import functools
from collections.abc import Callable, Sequence
from typing import cast

from onhook.listeners import ListenAddress
from onhook.phone.addresses import TcpAddress, default_port, local_of, transport_of, vouched
from onhook.phone.binding import BoundListener
from onhook.phone.message import Address
from onhook.phone.routing import sent_by_port
from onhook.phone.tcp import TcpTransport
from onhook.phone.timers import Clock
from onhook.phone.tls.contexts import ServerCertificate
from onhook.phone.transport import Receive, UdpTransport, address_towards

_NOWHERE = ListenAddress("", 0)


class Sockets:
    """`trusts` says whether a host is a peer of ours, to which we may open connections."""

    def __init__(self, receive: Receive, tcp: TcpTransport, trusts: Callable[[str], bool]) -> None:
        self._receive = receive
        self._tcp = tcp
        self._trusts = trusts
        self._udp: dict[ListenAddress, UdpTransport] = {}
        self._only_udp: UdpTransport | None = None
        self._dropped = 0
        self.trunk_at: Callable[[str], Address | None] = lambda host: None
        """The address of the trunk that a numeric host belongs to, as connections to it are made."""
        self.listeners: tuple[ListenAddress, ...] = ()
        """What is really bound, each with its transport, in the order in which it was asked for."""
        self.listener_for = functools.lru_cache(maxsize=1024)(self._listener_for)

    @property
    def address(self) -> Address:
        """The address of the first listener, once opened."""
        first = self.listeners[0] if self.listeners else _NOWHERE
        return first.host, first.port

    @property
    def dropped(self) -> int:
        """Messages that could not be sent."""
        return self._dropped + self._tcp.dropped + sum(each.dropped for each in self._udp.values())

    @property
    def unread(self) -> int:
        """Datagrams that were thrown away unread, because there were too many."""
        return sum(each.unread for each in self._udp.values())

    @property
    def overflowed(self) -> int:
        """Datagrams that the kernel threw away, because they were not read in time."""
        return sum(each.overflowed for each in self._udp.values())

    async def open(
        self,
        bound: Sequence[BoundListener],
        clock: Clock,
        certificate: ServerCertificate | None = None,
    ) -> None:
        """Sends from all of them from now on, and does not `read` yet; they are the endpoint's. A `tls` one
        needs the certificate."""
        if certificate is None and any(each.address.transport == "tls" for each in bound):
            raise ValueError("a TLS listener needs a certificate")
        self._tcp.start(clock)
        marks = sum(each.address.transport == "udp" for each in bound) > 1
        for each in bound:
            if each.address.transport == "udp":
                self._udp[each.address] = udp = UdpTransport(self._receive)
                udp.open(each, marks=marks)
            else:
                secured = certificate if each.address.transport == "tls" else None
                await self._tcp.listen(each, secured)
        self.listeners = tuple(each.address for each in bound)
        if len(self._udp) == 1:
            (self._only_udp,) = self._udp.values()
        self.listener_for.cache_clear()

    async def read(self) -> None:
        """Reads what arrives, and what has arrived since they were bound."""
        for udp in self._udp.values():
            udp.read()
        await self._tcp.accept()

    def pause(self) -> None:
        """Reads no more datagrams."""
        for udp in self._udp.values():
            udp.pause()

    @property
    def settled(self) -> bool:
        """Whether every datagram that was read is served."""
        return all(udp.settled for udp in self._udp.values())

    async def close(self) -> None:
        """Connections end, and nothing more is read."""
        await self._tcp.close()
        for udp in self._udp.values():
            await udp.close()

    def send(self, data: bytes, destination: Address) -> None:
        """Sends a message; what cannot leave is dropped."""
        if not isinstance(destination, TcpAddress):
            self._send_datagram(data, destination)
        elif data.startswith(b"SIP/2.0 ") and not self._tcp.is_connected(destination):
            self._reconnect(data, destination)
        else:
            self._tcp.send(data, destination)

    def _send_datagram(self, data: bytes, destination: Address) -> None:
        if self._only_udp is not None and type(destination) is tuple:
            self._only_udp.send(data, destination)
            return
        listener = self.listener_for(destination[0], "UDP", local_of(destination))
        if listener is None:
            self._dropped += 1
        else:
            self._udp[listener].send(data, destination)

    def _listener_for(self, host: str, transport: str, local: str) -> ListenAddress | None:
        """The listener of a transport that a peer is talked to from; None if no family fits.

        It is the one that the peer was heard by; or else the one on the address that routes to the peer,
        or on all addresses of its family. For a host that is not looked up yet it is the first.
        """
        fitting = [
            each
            for each in self.listeners
            if each.transport == transport.lower()
            and (not _is_address(host) or each.is_ipv6 == (":" in host))
        ]
        for each in fitting:
            if each.place == local:
                return each
        if len(fitting) > 1 and _is_address(host):
            ours = _towards(host)
            fitting.sort(key=lambda each: (each.host != ours, not each.is_wildcard))
        return fitting[0] if fitting else None

    def _reconnect(self, data: bytes, peer: TcpAddress) -> None:
        """A response whose connection is gone goes to the port that its Via names, over a new one.

        RFC 3261 18.2.2. Not for strangers: we would connect wherever they say. To a trunk's with its name and
        its files.
        """
        if self._trusts(peer.host):
            usual = default_port(transport_of(peer).lower())
            address = type(peer)(peer.host, sent_by_port(data, usual))
            trunk = self.trunk_at(peer.host)
            towards = cast(TcpAddress, vouched(address, trunk)) if trunk else address
            self._tcp.send(data, towards)
        else:
            self._tcp.dropped += 1


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _towards(host: str) -> str:
    try:
        return address_towards(host)
    except OSError:
        return ""
