"""The UDP endpoint: datagrams in and out, nothing known of SIP but its largest size.

Everything that has arrived is taken out of the kernel before any of it is forgotten there, and what asks for
a new call (`Inbox`) does not keep the rest waiting. A plain socket and a reader callback, so that it is this
module which decides how much is read at a time; it works with asyncio's own loops and with uvloop. Whatever
goes wrong with one datagram is counted; nothing is raised into the event loop.
"""

import asyncio
import functools
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address

import structlog

from onhook.phone.addresses import Sockaddr, UdpAddress, numeric
from onhook.phone.binding import BoundListener
from onhook.phone.inbox import Inbox
from onhook.phone.message import MAX_DATAGRAM_BYTES, Address

log = structlog.get_logger()

MAX_READ = 1000
"""Datagrams that are read at a time: whoever sends more than we can read is no reason to do nothing else."""
READ_S = 0.02
"""And for at most so long: what is served at once may cost as much as a new call, such as an UPDATE."""
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("9I")  # sock_meminfo of linux/sock_diag.h; the last is SK_MEMINFO_DROPS

Receive = Callable[[bytes, Address], None]
"""Takes a datagram and the address it came from; must not raise."""


class UdpTransport:
    """A bound UDP socket. `address` is the real one after `open`, also when port 0 was asked."""

    def __init__(self, receive: Receive) -> None:
        self._inbox = Inbox(receive)
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.address: Address = ("", 0)
        self._local = ""
        self._over_ipv6 = False
        self._refused = 0

    @property
    def dropped(self) -> int:
        """Datagrams not sent because the socket was full, closed, or refused them."""
        return self._refused

    @property
    def unread(self) -> int:
        """Datagrams that waited for so long that their sender has repeated them."""
        return self._inbox.unread

    def open(self, bound: BoundListener, *, marks: bool = False) -> None:
        """Sends from now on from a bound socket, which is the transport's; what arrives there waits in the
        kernel until it is `read`.

        If it `marks`, the addresses that it hears from say so (`UdpAddress.local`): one of several listeners.
        """
        loop = asyncio.get_running_loop()
        self.address = bound.address.host, bound.address.port
        self._over_ipv6 = ":" in bound.address.host
        self._local = bound.address.place if marks else ""
        self._socket, self._loop = bound.socket, loop
        self._inbox.open(loop)

    def read(self) -> None:
        """Reads from now on."""
        if self._socket is not None and self._loop is not None:
            self._loop.add_reader(self._socket, self._read, self._socket)

    def pause(self) -> None:
        """Reads no more; what was read is still served."""
        if self._socket is not None and self._loop is not None:
            self._loop.remove_reader(self._socket)

    @property
    def settled(self) -> bool:
        """Whether all that was read is served."""
        return not self._inbox.waiting

    @property
    def overflowed(self) -> int:
        """Datagrams that the kernel threw away since the socket was bound, because nobody read in time."""
        if self._socket is None:
            return 0
        figures = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return int(_MEMINFO.unpack(figures)[-1])

    async def close(self) -> None:
        """Close the socket; what was not read is forgotten."""
        sock, self._socket = self._socket, None
        if sock is not None and self._loop is not None:
            self._inbox.close()
            self._loop.remove_reader(sock)
            sock.close()

    def send(self, data: bytes, address: Address) -> None:
        """Send a datagram, or drop it: SIP repeats what matters."""
        # The address is checked first: a name would be looked up while everything waits.
        if self._socket is None or not _is_numeric(address, self._over_ipv6):
            self._refused += 1
            return
        try:
            self._socket.sendto(data, address)
        except OSError:  # full, or the kernel refuses it, or an ICMP error came back
            self._refused += 1

    def _read(self, sock: socket.socket) -> None:
        """Takes what has arrived, so much at once that the rest of the loop gets its turn."""
        loop = self._loop
        until_s = loop.time() + READ_S if loop is not None else 0.0
        for _ in range(MAX_READ):
            if loop is None or loop.time() > until_s:
                break
            try:
                data, source = sock.recvfrom(MAX_DATAGRAM_BYTES + 1)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # about something that was sent
                continue
            if source[1]:  # nobody can be answered at port 0
                self._inbox.put(data, self._heard_from(source))
        self._inbox.serve()

    def _heard_from(self, source: Sockaddr) -> Address:
        address = numeric(source)
        return UdpAddress(*address).heard_by(self._local) if self._local else address


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
