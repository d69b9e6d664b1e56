"""The two sockets of an endpoint, UDP and TCP on one address, and which of them a message takes."""

from collections.abc import Callable

from onhook.phone.message import Address, TcpAddress
from onhook.phone.routing import sent_by_port
from onhook.phone.tcp import TcpTransport
from onhook.phone.timers import Clock
from onhook.phone.transport import UdpTransport

_ATTEMPTS = 10
"""To find a port that is free for UDP and TCP, when any will do."""


class Sockets:
    """`trusts` says whether a host is a peer of ours, to which we may open connections."""

    def __init__(self, udp: UdpTransport, tcp: TcpTransport, trusts: Callable[[str], bool]) -> None:
        self._udp = udp
        self._tcp = tcp
        self._trusts = trusts

    @property
    def address(self) -> Address:
        """The address they are bound to, once opened."""
        return self._udp.address

    @property
    def dropped(self) -> int:
        """Messages that could not be sent."""
        return self._udp.dropped + self._tcp.dropped

    @property
    def unread(self) -> int:
        """Datagrams that were thrown away unread, because there were too many."""
        return self._udp.unread

    async def open(self, host: str, port: int, clock: Clock) -> None:
        """Binds both; any port that is free for both if `port` is 0. Raises OSError."""
        for attempt in range(_ATTEMPTS):
            await self._udp.open(host, port)
            try:
                await self._tcp.open(*self.address, clock)
                break
            except OSError:
                await self._udp.close()
                if port or attempt == _ATTEMPTS - 1:
                    raise

    async def close(self) -> None:
        """Connections end, and nothing more is read."""
        await self._tcp.close()
        await self._udp.close()

    def send(self, data: bytes, destination: Address) -> None:
        """Sends a message; what cannot leave is dropped."""
        if not isinstance(destination, TcpAddress):
            self._udp.send(data, destination)
        elif data.startswith(b"SIP/2.0 ") and not self._tcp.is_connected(destination):
            self._reconnect(data, destination)
        else:
            self._tcp.send(data, destination)

    def _reconnect(self, data: bytes, peer: TcpAddress) -> None:
        """A response whose connection is gone goes to the port that its Via names, over a new one.

        RFC 3261 18.2.2. Not for strangers: we would connect wherever they say.
        """
        if self._trusts(peer.host):
            self._tcp.send(data, TcpAddress(peer.host, sent_by_port(data)))
        else:
            self._tcp.dropped += 1
