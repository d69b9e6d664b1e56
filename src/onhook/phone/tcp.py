"""SIP over connections, TCP and TLS, by the address of their peer; opened when there is something to send.

One connection serves all calls with a trunk, and is kept alive (RFC 5626 3.5.1). Whoever connects to us is
served like a peer over UDP. How many may is bounded, of strangers also how many of one address; how many may
be without TLS on a listener for it, how long they may be silent before their first message, and how long
after it: a connection over which nothing goes is closed, whoever made it, unless a dialog or a transaction
uses it. The pings of a trusted peer say that it wants to keep it; a stranger's say nothing. A stream that
cannot be cut into messages ends its connection, once its sender was told.

A connection that somebody made to us, and that is gone, is made again by us to the port where SIP is: the
one it came from was of that connection only.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, MutableMapping
from ipaddress import ip_address
from typing import Any

import structlog

from onhook.phone.addresses import (
    Flow,
    TcpAddress,
    TlsAddress,
    default_port,
    flow_of,
    network_of,
    transport_of,
)
from onhook.phone.binding import BoundListener
from onhook.phone.connection import KEEPALIVE_S, Connection
from onhook.phone.message import Address
from onhook.phone.once_a_minute import OnceAMinute
from onhook.phone.timers import Clock
from onhook.phone.tls.contexts import ClientContexts, ServerCertificate, TlsFilesUnusable

log = structlog.get_logger()

CONNECT_S = 4.0
"""A connection that is not made by then is not made; the next trunk gets its turn."""
BACKLOG = 128
"""Connections that wait to be accepted."""
MAX_ACCEPTED = 1000
MAX_STRANGERS = 50
"""Accepted connections in all, and of those from outside the trusted peers."""
MAX_OF_A_STRANGER = 8
"""And of these from one address, or one /64 of IPv6: others want a place too."""
MAX_HANDSHAKES = 100
"""Accepted connections on which TLS is not there yet."""
MAX_KNOWN = 1000
"""Peers of which is remembered why they could not be reached, or that they answer pings."""


class TcpTransport:
    """All connections of an endpoint.

    `receive` gets each message, `PING` included. `on_refused` hears that no connection could be made
    to an address, or that it closed without a word; `on_lost` that one which had worked is gone.
    `trusts` says of a host whether it is one of ours; `is_used` of a peer whether a dialog or a
    transaction needs the connection with it.
    """

    def __init__(
        self,
        receive: Callable[[bytes, Address], None],
        *,
        on_refused: Callable[[Address], None],
        on_lost: Callable[[Address], None],
        trusts: Callable[[str], bool],
        is_used: Callable[[TcpAddress], bool],
    ) -> None:
        self.receive = receive
        self.is_used = is_used
        self.clock: Clock
        self.keepalives: dict[Address, float] = {}
        """Seconds between pings to a peer, where they are not as everywhere."""
        self._on_refused = on_refused
        self._on_lost = on_lost
        self._trusts = trusts
        self._contexts = ClientContexts()
        self.connections: dict[Flow, Connection] = {}
        self.accepted: set[Connection] = set()
        self._agreeing: set[Connection] = set()
        self.servers: list[asyncio.Server] = []
        self._failures: dict[Flow, str] = {}
        self._pongs: dict[Flow, None] = {}
        self._unreadable = OnceAMinute()
        """Whoever connects to us can begin anew as often as it likes."""
        self._open = False
        self.paused = True
        """What comes is kept unread: until we `accept`, and once connections are left to another process."""
        self.dropped = 0
        """Messages not sent because there was no connection for them, or no room."""

    def __len__(self) -> int:
        return len(self.connections)

    def start(self, clock: Clock) -> None:
        """From now on connections are made."""
        self.clock, self._open = clock, True

    async def listen(
        self, bound: BoundListener, certificate: ServerCertificate | None = None
    ) -> None:
        """Take connections at a bound socket, which is the transport's, once we `accept`. With a certificate
        they are TLS."""

        def accepted() -> Connection:
            return Connection(self, local=bound.address.place, certificate=certificate)

        bound.socket.listen(BACKLOG)  # whoever connects before we accept waits, and is not refused
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            accepted, sock=bound.socket, backlog=BACKLOG, start_serving=False
        )
        self.servers.append(server)

    async def accept(self) -> None:
        """Take them from now on, and read what has come over those that we have made meanwhile."""
        self.paused = False
        for connection in [*self.connections.values()]:
            connection.read()
        for server in self.servers:
            await server.start_serving()

    async def close(self) -> None:
        """Stop listening and close every connection, without a word to anybody."""
        self._open = False
        connections = [*self.connections.values()]
        self.connections.clear()
        for connection in connections:
            connection.end()
        tasks = [each.connecting for each in connections if each.connecting is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        servers, self.servers = self.servers, []
        for server in servers:
            server.close()
            await server.wait_closed()

    def is_connected(self, address: TcpAddress) -> bool:
        """Whether there is a connection with this peer, or one is being made."""
        return flow_of(address) in self.connections

    def local_port(self, address: TcpAddress) -> int:
        """Our port of the connection with a peer, which is made if there is none; 0 if that is not known."""
        connection = self.connections.get(flow_of(address))
        if connection is None and self._open:
            connection = self._connect(address)
        return connection.local_port if connection is not None else 0

    def send(self, data: bytes, address: TcpAddress) -> None:
        """Send to a peer, over a new connection if there is none."""
        connection = self.connections.get(flow_of(address))
        if connection is None and not self._open:
            self.dropped += 1
            return
        if connection is None:
            connection = self._connect(address)
        if not connection.send(data):
            self.dropped += 1
            self.drop(connection)

    def failure_of(self, address: Address) -> str:
        """Why there was no connection to an address when one was wanted last; empty if that is not known."""
        return self._failures.get(flow_of(address), "") if isinstance(address, TcpAddress) else ""

    # For the connections (ConnectionOwner).

    def client_context(self, peer: TlsAddress) -> ssl.SSLContext:
        """What TLS with a server is made with; `TlsFilesUnusable`."""
        return self._contexts.context(peer.files)

    def answers_pings(self, peer: TcpAddress) -> bool:
        """Whether a peer was seen to answer a ping."""
        return flow_of(peer) in self._pongs

    def ponged(self, peer: TcpAddress) -> None:
        """A peer answered a ping."""
        _forget_beyond(self._pongs, MAX_KNOWN - 1)
        self._pongs[flow_of(peer)] = None

    def keepalive_s(self, peer: TcpAddress) -> float:
        """Seconds between pings to a peer; 0 for none."""
        return self.keepalives.get(peer, KEEPALIVE_S)

    def admit(self, connection: Connection) -> bool:
        """Take in a connection that somebody made to us."""
        connection.stranger = not self._trusts(connection.peer.host)
        is_tls = isinstance(connection.peer, TlsAddress)
        if (
            not self._open
            or len(self.accepted) >= MAX_ACCEPTED
            or (is_tls and len(self._agreeing) >= MAX_HANDSHAKES)
            or (connection.stranger and not self._has_place_for(connection.peer.host))
        ):
            return False
        self.connections[flow_of(connection.peer)] = connection
        self.accepted.add(connection)
        if is_tls:
            self._agreeing.add(connection)
        return True

    def _has_place_for(self, stranger: str) -> bool:
        """Whether one more from outside the trusted peers is taken in."""
        there = [network_of(each.peer.host) for each in self.accepted if each.stranger]
        return len(there) < MAX_STRANGERS and there.count(network_of(stranger)) < MAX_OF_A_STRANGER

    def agreed(self, connection: Connection) -> None:
        """TLS is there."""
        self._agreeing.discard(connection)

    def refused(self, connection: Connection, why: str) -> None:
        """TLS will not be there, or is no more."""
        host, port = connection.peer
        if not connection.accepted:
            self._fails(connection.peer, f"no TLS: {why}")
            log.warning("sip_tls_refused", peer=host, port=port, why=why)
        elif not connection.stranger and self._unreadable.is_news(host):
            log.info("sip_tls_not_agreed", peer=host, why=why)
        self.drop(connection, flush=True)

    def unreadable(self, connection: Connection, why: str) -> None:
        """What a peer says cannot be cut into messages."""
        if not connection.accepted or self._unreadable.is_news(connection.peer.host):
            log.info("sip_stream_unreadable", peer=connection.peer.host, why=why)

    def drop(self, connection: Connection, *, flush: bool = False) -> None:
        """End a connection that is of no use any more."""
        self.lost(connection, flush=flush)

    def lost(self, connection: Connection, *, flush: bool = False) -> None:
        """Forget a connection, and tell that it is gone; once."""
        key = flow_of(connection.peer)
        if self.connections.get(key) is connection:
            del self.connections[key]
        self.accepted.discard(connection)
        self._agreeing.discard(connection)
        if connection.over:
            return
        self.dropped += connection.unsent
        connection.end(flush=flush)
        (self._on_lost if connection.proven else self._on_refused)(connection.peer)

    def _connect(self, address: TcpAddress) -> Connection:
        connection = Connection(self, address)
        sock = _bound(address.host)
        if sock is not None:
            connection.local_port = sock.getsockname()[1]
        self.connections[flow_of(address)] = connection
        self._failures.pop(flow_of(address), None)
        task = asyncio.get_running_loop().create_task(self._make(connection, sock))
        connection.connecting = task
        connection.wait(CONNECT_S, lambda: self._too_late(connection))
        return connection

    def _too_late(self, connection: Connection) -> None:
        why = f"no connection within {CONNECT_S:.0f} s"
        self._fails(connection.peer, why)
        log.info(
            "sip_not_connected", peer=connection.peer.host, port=connection.peer.port, error=why
        )
        self.drop(connection)

    async def _make(self, connection: Connection, sock: socket.socket | None) -> None:
        loop = asyncio.get_running_loop()
        peer = connection.peer
        host, port = peer.host, _listens_at(peer) if peer.local else peer.port
        try:
            if isinstance(peer, TlsAddress):
                self.client_context(peer)  # before anybody is troubled
            if sock is None:
                await loop.create_connection(lambda: connection, host, port)
            else:
                await loop.sock_connect(sock, (host, port))
                await loop.create_connection(lambda: connection, sock=sock)
                sock = None
        except (OSError, TlsFilesUnusable) as error:
            reason = str(error) if isinstance(error, TlsFilesUnusable) else _reason(error)
            self._fails(peer, f"no connection: {reason}")
            log.info("sip_not_connected", peer=host, port=port, error=reason)
            connection.connecting = None
            self.lost(connection)
        finally:
            if sock is not None:
                sock.close()
        connection.connecting = None

    def _fails(self, peer: TcpAddress, why: str) -> None:
        _forget_beyond(self._failures, MAX_KNOWN - 1)
        self._failures[flow_of(peer)] = why


def _bound(host: str) -> socket.socket | None:
    """A socket to connect from, which has its port already; None for a name, or if the system has none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if family == socket.AF_INET:
            ip_address(host)
        sock = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, ValueError):
        return None
    try:
        sock.setblocking(False)
        sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 0))
    except OSError:
        sock.close()
        return None
    return sock


def _listens_at(peer: TcpAddress) -> int:
    """Where a peer is called back whose own connection is gone."""
    return peer.back or default_port(transport_of(peer).lower())


def _forget_beyond(known: MutableMapping[Flow, Any], most: int) -> None:
    while len(known) > most:
        del known[next(iter(known))]


def _reason(error: OSError) -> str:
    said = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return said or str(error)
