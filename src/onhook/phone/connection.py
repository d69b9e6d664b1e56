"""One connection with a peer, over TCP or TLS, made by either side.

A connection that we made is kept alive with pings, and a peer that answers them is known to be gone when it
stops (RFC 5626 4.4.1). A request that is followed by silence is suspicious whoever made the connection: what
was sent into it may never have arrived, though no system has noticed yet. Such a connection is given up, so
that what waits for an answer goes out again over a new one.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, cast

import structlog

from onhook.phone.addresses import TcpAddress, TlsAddress, numeric
from onhook.phone.framing import PING, PONG, BrokenStream, Framer
from onhook.phone.message import Address
from onhook.phone.passing import Left
from onhook.phone.timers import Clock, TimerHandle
from onhook.phone.tls.contexts import ServerCertificate
from onhook.phone.tls.session import TlsRefused, TlsSession

log = structlog.get_logger()

KEEPALIVE_S = 25.0
"""Below what the shortest-lived NAT remembers, which is 30 s."""
PONG_S = 10.0
"""A peer that answers pings does so by then (RFC 5626 4.4.1)."""
SILENT_S = 16.0
"""A peer that does not answer pings has said something by then after a request: half of what a transaction
waits, so that the other half is left for a new connection."""
FIRST_MESSAGE_S = 30.0
"""Somebody who connects has this long for the first message."""
HANDSHAKE_S = 8.0
"""Somebody who connects to a TLS listener has this long until both sides agreed."""
IDLE_S = 120.0
STRANGER_IDLE_S = 30.0
"""Without a message for so long, and at most for twice as long, a connection is closed (RFC 3261 18:
not before a transaction would have come to its end)."""
VANISHED_MS = 20_000
"""What was written and not acknowledged for so long ends the connection."""
PROBE_AFTER_S, PROBE_EVERY_S, PROBES = 20, 10, 3
"""When and how often the system asks a silent peer whether it is there (TCP keep-alive)."""
MAX_UNSENT_BYTES = 256 * 1024
MAX_QUEUED = 200
"""Messages that wait for a connection to be made."""


class ConnectionOwner(Protocol):
    """What a connection asks of, and tells, those that hold it."""

    receive: Callable[[bytes, Address], None]
    is_used: Callable[[TcpAddress], bool]
    clock: Clock
    paused: bool
    """Whether what is read is not for this process any more."""

    def admit(self, connection: "Connection") -> bool:
        """Whether somebody who connected to us is taken in."""

    def agreed(self, connection: "Connection") -> None:
        """TLS is there."""

    def refused(self, connection: "Connection", why: str) -> None:
        """TLS will not be there."""

    def unreadable(self, connection: "Connection", why: str) -> None:
        """What a peer says cannot be cut into messages."""

    def drop(self, connection: "Connection", *, flush: bool = False) -> None:
        """It is of no use any more."""

    def lost(self, connection: "Connection", *, flush: bool = False) -> None:
        """It is gone."""

    def answers_pings(self, peer: TcpAddress) -> bool:
        """Whether a peer was seen to."""

    def ponged(self, peer: TcpAddress) -> None:
        """A peer answered one."""

    def keepalive_s(self, peer: TcpAddress) -> float:
        """Seconds between pings to a peer; 0 for none."""

    def client_context(self, peer: TlsAddress) -> ssl.SSLContext:
        """What TLS with a server is made with; `TlsFilesUnusable`."""


class Connection(asyncio.Protocol):
    """`peer` is whom it is with, for a connection that we make; `local` and `certificate` are those of the
    listener, for one that somebody else makes; `left` says all, for one that another process had. `proven`: a
    message was read from it."""

    def __init__(
        self,
        owner: ConnectionOwner,
        peer: TcpAddress | None = None,
        *,
        local: str = "",
        certificate: ServerCertificate | None = None,
        left: Left | None = None,
    ) -> None:
        self._owner = owner
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._tls: TlsSession | None = None
        self._queue: list[bytes] = []
        self._timer: TimerHandle | None = None
        self._silence: TimerHandle | None = None
        self._local = local
        self._certificate = certificate
        self.local_port = 0
        """Of one that we make, if that is known before it is there."""
        self.accepted = peer is None
        self.stranger = False
        self.proven = False
        self._opened = False
        self._active = False
        """Whether there was a message since the last look, or a ping that counts as one."""
        self._pinged = False
        self.over = False
        self._since_message_s = 0.0
        self.peer = peer or TcpAddress("", 0)
        self.connecting: asyncio.Task[None] | None = None
        self._was_open = left is not None
        if left is not None:
            self.peer, self.accepted, self.local_port = left.peer, left.accepted, left.local_port
            self.stranger, self.proven = left.stranger, left.proven
            self._framer.keep(left.unread)

    @property
    def unsent(self) -> int:
        """Messages that wait for the connection to be made."""
        return len(self._queue)

    def send(self, data: bytes) -> bool:
        """Write, or keep until the connection is made; False if there is no room for it."""
        if self._transport is None or not self._opened:
            self._queue.append(data)
            return len(self._queue) <= MAX_QUEUED
        self._active = self._active or data != PING
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            return False
        if not data.startswith((b"SIP/2.0 ", b"ACK ")) and self._silence is None:
            self._expect_something(is_ping=data == PING)
        self._write(data)
        return True

    def pause(self) -> None:
        """Read no more."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    @property
    def settled(self) -> bool:
        """Whether it is there, both sides agreed, and all that was sent has left."""
        transport = self._transport
        return self._opened and transport is not None and not transport.get_write_buffer_size()

    def leave(self) -> "tuple[int, Left, TlsSession | None] | None":
        """What it takes to go on with it elsewhere: a duplicate of its descriptor, which is the caller's, and
        its TLS if it has any. None for one that is not settled."""
        if not self.settled or self.over or self._transport is None:
            return None
        left = Left(
            peer=self.peer,
            accepted=self.accepted,
            stranger=self.stranger,
            proven=self.proven,
            pings=self._owner.answers_pings(self.peer),
            local_port=self.local_port,
            unread=self._framer.unread,
        )
        return os.dup(self._transport.get_extra_info("socket").fileno()), left, self._tls

    def end(self, *, flush: bool = False) -> None:
        """Close at once; what was not sent is dropped, unless it is to be flushed."""
        self.over = True
        self._heard()
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

    # Asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast(asyncio.Transport, transport)
        if self.over:  # given up meanwhile
            self._transport.abort()
            return
        if self._was_open:
            self._begin()
            self.read(b"")
            return
        _watch_peer(transport.get_extra_info("socket"))
        if self.accepted:
            self.peer = self._caller(numeric(transport.get_extra_info("peername")))
            if not self._owner.admit(self):
                self.end()
                return
        if not isinstance(self.peer, TlsAddress):
            self._begin()
        else:
            self._secure(self.peer)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._transport = None
        if self._tls is not None and not (self.proven or self.over or self.accepted):
            self._owner.refused(self, _silent_end(self.peer, agreed=self._tls.opened))
        self._owner.lost(self)

    def data_received(self, data: bytes) -> None:
        """A part of the stream."""
        self._heard()
        if self._tls is not None:
            data = self._decrypted(self._tls, data)
        if self._pinged and data.startswith(PONG) and not data.startswith(PING):
            self._pinged = False
            self._owner.ponged(self.peer)
        if data and not self.over:
            self.read(data)
        if self._tls is not None and self._tls.closed and not self.over:
            self._owner.drop(self, flush=True)

    # TLS.

    def _secure(self, peer: TlsAddress) -> None:
        """Begin the handshake; whoever connects to us has not for ever."""
        if self._certificate is not None:
            self.wait(HANDSHAKE_S, lambda: self._owner.drop(self))
            self._tls = TlsSession(self._certificate.context, server_side=True)
            return
        name = peer.name or peer.host
        self._tls = TlsSession(self._owner.client_context(peer), name=name, server_side=False)
        self._tls.begin()
        self._flush()

    def _decrypted(self, tls: TlsSession, data: bytes) -> bytes:
        was_opened = tls.opened
        try:
            data = tls.receive(data)
        except TlsRefused as error:
            self._flush()
            self._owner.refused(self, str(error))
            return b""
        self._flush()
        if tls.opened and not was_opened:
            self._owner.agreed(self)
            self._begin()
        return data

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._tls is None:
            self._transport.write(data)
        else:
            self._tls.write(data)
            self._flush()

    def _flush(self) -> None:
        if self._tls is not None and self._transport is not None and (data := self._tls.take()):
            self._transport.write(data)

    # The stream.

    def _begin(self) -> None:
        """Both sides can be heard."""
        self._opened = True
        keepalive_s = 0.0 if self.accepted else self._owner.keepalive_s(self.peer)
        if self.accepted:
            self.wait(FIRST_MESSAGE_S, self._silent)
        else:
            self.wait(keepalive_s or KEEPALIVE_S, self._keep_alive)
        queue, self._queue = self._queue, []
        for data in queue:
            self.send(data)

    def _caller(self, address: Address) -> TcpAddress:
        kind = TcpAddress if self._certificate is None else TlsAddress
        return kind(*address).heard_by(self._local)

    def read(self, data: bytes = b"") -> None:
        """Read on, from where the owner was `paused`; while it is, nothing is read."""
        if self._owner.paused:
            self._framer.keep(data)
            return
        try:
            for message in self._framer.feed(data):
                if message == PING:
                    self._write(PONG)
                    self._active = self._active or not self.stranger
                else:
                    self.proven = self._active = True
                self._owner.receive(message, self.peer)
                if self.over:
                    return
        except BrokenStream as error:
            if error.head:
                self._owner.receive(error.head, self.peer)
            self._owner.unreadable(self, str(error))
            self._owner.drop(self, flush=True)

    # Whether the peer is there.

    def _expect_something(self, *, is_ping: bool) -> None:
        """Something was asked. A peer that answers pings gets one along with it: it may think for long."""
        answers = self._owner.answers_pings(self.peer)
        if answers and not is_ping:
            self._write(PING)
        self._pinged = self._pinged or is_ping or answers
        if answers or not is_ping:
            delay_s = PONG_S if answers else SILENT_S
            self._silence = self._owner.clock.call_later(delay_s, self._vanished)

    def _heard(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _vanished(self) -> None:
        self._silence = None
        log.info("sip_connection_dead", peer=self.peer.host, hint="It does not answer any more.")
        self._owner.drop(self)

    def _keep_alive(self) -> None:
        ping_s = self._owner.keepalive_s(self.peer)
        every_s = ping_s or KEEPALIVE_S
        self._since_message_s = 0.0 if self._is_used() else self._since_message_s + every_s
        if self._since_message_s >= IDLE_S or (ping_s and not self.send(PING)):
            self._owner.drop(self, flush=True)
        else:
            self.wait(every_s, self._keep_alive)

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


def _silent_end(peer: TcpAddress, *, agreed: bool) -> str:
    """Why a server may have closed a connection on which it said nothing.

    With TLS 1.3 a client has agreed before the server looks at its certificate.
    """
    if not agreed:
        return "it closed the connection before both sides agreed"
    ours = isinstance(peer, TlsAddress) and peer.files.certificate
    doubt = "does not accept our certificate" if ours else "wants a certificate of ours"
    return f"it closed the connection without a word; perhaps it {doubt}"


def _watch_peer(sock: socket.socket | None) -> None:
    """Let the system notice a peer that is gone."""
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_USER_TIMEOUT", VANISHED_MS),
        ("TCP_KEEPIDLE", PROBE_AFTER_S),
        ("TCP_KEEPINTVL", PROBE_EVERY_S),
        ("TCP_KEEPCNT", PROBES),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
