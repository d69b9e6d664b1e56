"""SIP over TCP: connections by the address of their peer, opened when there is something to send.

One connection serves all calls with a trunk, and is kept alive (RFC 5626 3.5.1). Whoever connects to us is
served like a peer over UDP; how many may is bounded, how long they may be silent before their first message,
and how long after it: a connection over which nothing goes is closed, whoever made it, unless a dialog or a
transaction uses it. The pings of a trusted peer say that it wants to keep it; a stranger's say nothing.
A stream that cannot be cut into messages ends its connection, once its sender was told.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import structlog

from onhook.phone.framing import PING, PONG, BrokenStream, Framer
from onhook.phone.message import Address, TcpAddress
from onhook.phone.timers import Clock, TimerHandle

log = structlog.get_logger()

CONNECT_S = 4.0
"""A connection that is not made by then is not made; the next trunk gets its turn."""
KEEPALIVE_S = 30.0
FIRST_MESSAGE_S = 30.0
"""Somebody who connects has this long for the first message."""
IDLE_S = 120.0
STRANGER_IDLE_S = 30.0
"""Without a message for so long, and at most for twice as long, a connection is closed (RFC 3261 18:
not before a transaction would have come to its end)."""
VANISHED_MS = 20_000
"""What was written and not acknowledged for so long ends the connection."""
MAX_UNSENT_BYTES = 256 * 1024
MAX_QUEUED = 200
"""Messages that wait for a connection to be made."""
MAX_ACCEPTED = 1000
MAX_STRANGERS = 50
"""Accepted connections in all, and of those from outside the trusted peers."""


class _Connection(asyncio.Protocol):
    """One connection, from either side. `proven`: a message was read from it."""

    def __init__(self, owner: "TcpTransport", peer: TcpAddress | None = None) -> None:
        self._owner = owner
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._queue: list[bytes] = []
        self._timer: TimerHandle | None = None
        self.accepted = peer is None
        self.stranger = False
        self.proven = False
        self._active = False
        """Whether there was a message since the last look, or a ping that counts as one."""
        self.over = False
        self._since_message_s = 0.0
        self.peer = peer or TcpAddress("", 0)
        self.connecting: asyncio.Task[None] | None = None

    @property
    def unsent(self) -> int:
        """Messages that wait for the connection to be made."""
        return len(self._queue)

    def send(self, data: bytes) -> bool:
        """Write, or keep until the connection is made; False if there is no room for it."""
        if self._transport is None:
            self._queue.append(data)
            return len(self._queue) <= MAX_QUEUED
        self._active = self._active or data != PING
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            return False
        self._transport.write(data)
        return True

    def end(self, *, flush: bool = False) -> None:
        """Close at once; what was not sent is dropped, unless it is to be flushed."""
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.connecting is not None:
            self.connecting.cancel()
        if self._transport is not None and flush:
            self._transport.close()
        elif self._transport is not None:
            self._transport.abort()

    def wait(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Set the one timer of the connection."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._owner.clock.call_later(delay_s, callback)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it is there."""
        self._transport = cast(asyncio.Transport, transport)
        if self.over:  # given up meanwhile
            self._transport.abort()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)
        if self.accepted:
            self.peer = TcpAddress(*transport.get_extra_info("peername")[:2])
            if not self._owner.admit(self):
                self.end()
                return
            self.wait(FIRST_MESSAGE_S, self._silent)
        else:
            self.wait(KEEPALIVE_S, self._keep_alive)
        queue, self._queue = self._queue, []
        for data in queue:
            self._transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio: it is gone."""
        self._transport = None
        self._owner.lost(self)

    def data_received(self, data: bytes) -> None:
        """Asyncio: a part of the stream."""
        try:
            for message in self._framer.feed(data):
                if message == PING and self._transport is not None:
                    self._transport.write(PONG)
                    self._active = self._active or not self.stranger
                else:
                    self.proven = self._active = True
                self._owner.receive(message, self.peer)
                if self.over:
                    return
        except BrokenStream as error:
            if error.head:
                self._owner.receive(error.head, self.peer)
            log.info("sip_stream_unreadable", peer=self.peer.host, why=str(error))
            self._owner.drop(self, flush=True)

    def _keep_alive(self) -> None:
        self._since_message_s = 0.0 if self._is_used() else self._since_message_s + KEEPALIVE_S
        if self._since_message_s >= IDLE_S or not self.send(PING):
            self._owner.drop(self, flush=True)
        else:
            self.wait(KEEPALIVE_S, self._keep_alive)

    def _silent(self) -> None:
        if self.proven:
            self.wait(STRANGER_IDLE_S if self.stranger else IDLE_S, self._look)
        else:
            self._owner.drop(self)

    def _look(self) -> None:
        """Close what was accepted and is idle."""
        if self._is_used():
            self.wait(STRANGER_IDLE_S if self.stranger else IDLE_S, self._look)
        else:
            self._owner.drop(self, flush=True)

    def _is_used(self) -> bool:
        """Whether there was something since this was asked last, or somebody waits for something."""
        was_active, self._active = self._active, False
        return was_active or self._owner.is_used(self.peer)


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
        self._on_refused = on_refused
        self._on_lost = on_lost
        self._trusts = trusts
        self._connections: dict[Address, _Connection] = {}
        self._server: asyncio.Server | None = None
        self._closed = False
        self.dropped = 0
        """Messages not sent because there was no connection for them, or no room."""

    def __len__(self) -> int:
        return len(self._connections)

    async def open(self, host: str, port: int, clock: Clock) -> None:
        """Listens; port 0 is any. Raises OSError."""
        self.clock = clock
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port, backlog=128)

    async def close(self) -> None:
        """Stop listening and close every connection, without a word to anybody."""
        self._closed = True
        connections = [*self._connections.values()]
        self._connections.clear()
        for connection in connections:
            connection.end()
        tasks = [each.connecting for each in connections if each.connecting is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def is_connected(self, address: TcpAddress) -> bool:
        """Whether there is a connection with this peer, or one is being made."""
        return address in self._connections

    def send(self, data: bytes, address: TcpAddress) -> None:
        """Send to a peer, over a new connection if there is none."""
        connection = self._connections.get(address)
        if connection is None and self._server is None:
            self.dropped += 1
            return
        if connection is None:
            connection = self._connect(address)
        if not connection.send(data):
            self.dropped += 1
            self.drop(connection)

    # For the connections.

    def admit(self, connection: _Connection) -> bool:
        """Take in a connection that somebody made to us."""
        accepted = [each for each in self._connections.values() if each.accepted]
        connection.stranger = not self._trusts(connection.peer.host)
        strangers = sum(each.stranger for each in accepted)
        if (
            self._closed
            or len(accepted) >= MAX_ACCEPTED
            or (connection.stranger and strangers >= MAX_STRANGERS)
        ):
            return False
        self._connections[connection.peer] = connection
        return True

    def drop(self, connection: _Connection, *, flush: bool = False) -> None:
        """End a connection that is of no use any more."""
        self.lost(connection, flush=flush)

    def lost(self, connection: _Connection, *, flush: bool = False) -> None:
        """Forget a connection, and tell that it is gone; once."""
        if self._connections.get(connection.peer) is connection:
            del self._connections[connection.peer]
        if connection.over:
            return
        self.dropped += connection.unsent
        connection.end(flush=flush)
        (self._on_lost if connection.proven else self._on_refused)(connection.peer)

    def _connect(self, address: TcpAddress) -> _Connection:
        connection = _Connection(self, address)
        self._connections[address] = connection
        task = asyncio.get_running_loop().create_task(self._make(connection))
        connection.connecting = task
        connection.wait(CONNECT_S, lambda: self.drop(connection))
        return connection

    async def _make(self, connection: _Connection) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: connection, *connection.peer)
        except OSError as error:
            log.info("sip_not_connected", peer=connection.peer.host, error=str(error))
            connection.connecting = None
            self.lost(connection)
        connection.connecting = None
