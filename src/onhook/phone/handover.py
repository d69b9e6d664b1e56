"""The boundary between two processes: what an endpoint has of the one before, and leaves to the one after.

Nothing is answered twice, and nothing lost: the one before reads no more, answers what it has read, and then
hands over every connection with what it has of a message that is not whole yet.
"""

import asyncio
import socket
from collections.abc import Callable

import structlog

from onhook.phone.addresses import flow_of
from onhook.phone.connection import Connection
from onhook.phone.passing import Left, Passed, Relayed
from onhook.phone.sockets import Sockets
from onhook.phone.tcp import TcpTransport

log = structlog.get_logger()


class Handover:
    """Of one endpoint. `owes` says whether a request that was read is not answered yet."""

    def __init__(self, sockets: Sockets, tcp: TcpTransport, owes: Callable[[], bool]) -> None:
        self._sockets = sockets
        self._tcp = tcp
        self._owes = owes
        self._taken: dict[Connection, socket.socket] | None = {}
        """Connections of the process before, until they are read."""

    # Of the one before.

    def take(self, descriptor: int, about: object) -> None:
        """Go on with a connection that another process has left (`leave`). The descriptor is ours; nothing is
        read of it before `go_on`, and what is sent waits."""
        sock = socket.socket(fileno=descriptor)
        try:
            left = Left.from_dict(about)
        except ValueError:  # of another version
            log.warning("sip_connection_not_taken")
            sock.close()
            return
        sock.setblocking(False)
        connection = Connection(self._tcp, left=left)
        self._tcp.connections[flow_of(left.peer)] = connection
        if left.accepted:
            self._tcp.accepted.add(connection)
        if left.pings:
            self._tcp.ponged(left.peer)
        if self._taken is not None:
            self._taken[connection] = sock
        else:
            beginning = asyncio.get_running_loop().create_task(self._begin(connection, sock))
            connection.connecting = beginning

    async def go_on(self) -> None:
        """Read them from now on."""
        taken, self._taken = self._taken, None
        for connection, sock in (taken or {}).items():
            await self._begin(connection, sock)

    async def _begin(self, connection: Connection, sock: socket.socket) -> None:
        try:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: connection, sock)
        except OSError:
            sock.close()
            self._tcp.lost(connection)
        connection.connecting = None

    # For the one after.

    def pause(self) -> None:
        """Read nothing more: what arrives waits in the kernel."""
        self._sockets.pause()
        self._tcp.paused = True
        for server in self._tcp.servers:
            server.close()
        for connection in self._tcp.connections.values():
            connection.pause()

    @property
    def settled(self) -> bool:
        """Whether everything that was read is answered, and every answer has left."""
        there = all(connection.settled for connection in self._tcp.connections.values())
        return there and self._sockets.settled and not self._owes()

    def leave(self) -> Passed:
        """After `pause`: all connections that are settled, for the process after this one, and for a relay of
        those with TLS. Descriptors are the caller's."""
        passed = Passed([], [])
        for connection in self._tcp.connections.values():
            left = connection.leave()
            if left is None:
                continue
            descriptor, about, session = left
            if session is not None:
                inner, outer = socket.socketpair()
                passed.relayed.append(Relayed(session, descriptor, inner.detach()))
                descriptor = outer.detach()
            passed.on.append((descriptor, about.as_dict()))
        return passed
