"""One connection to a customer's server: a request, its reply, and perhaps the next request."""

import asyncio
import ssl
from collections.abc import Callable, Hashable
from typing import Final, cast

from onhook.notify.errors import BrokenReply, ConnectionClosed, NoReply
from onhook.notify.reply_reader import ReplyReader
from onhook.notify.tls import handshake_failure

MOST_HELD_BYTES: Final = 256 * 1024
"""Of a body that nobody takes; then the server has to wait."""

_CLOSED: Final = "the connection was closed before the reply was complete"


class Connection(asyncio.Protocol):
    """A connection for one request at a time. `ask`, then `read` the body; `abort` it if that is not done.

    `lost` is called once, when the connection is no more.
    """

    def __init__(self, key: Hashable, lost: Callable[["Connection"], None]) -> None:
        self.key = key
        """To whom it leads."""
        self.reply = ReplyReader()
        """The reply to the last request."""
        self.made_at_s = 0.0
        """When it was made, by the clock of the loop."""
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._error: NoReply | None = None
        """Why there is no reply, or no more of it."""
        self._under_way = False
        self._awaited: asyncio.Future[None] | None = None
        self._paused = False
        self._given_up = False

    @property
    def open(self) -> bool:
        """Whether it is made, and neither lost nor being closed."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def usable(self) -> bool:
        """Whether another request can be sent: all of the last one left, all of its reply came, and the
        server keeps it open."""
        transport, reply = self._transport, self.reply
        if transport is None or transport.is_closing() or not (reply.ended and reply.keeps_open):
            return False
        return transport.get_write_buffer_size() == 0

    async def ask(self, request: bytes) -> None:
        """Send it, and return when the head of the reply has been read. Raises `NoReply`."""
        reply = self.reply = ReplyReader()
        transport = self._transport
        if transport is None or transport.is_closing():
            raise self._error or ConnectionClosed(_CLOSED)
        self._under_way = True
        transport.write(request)
        while reply.status is None:
            if self._error is not None:
                raise self._error
            await self._news()

    async def read(self) -> list[bytes]:
        """What came of the body since; nothing at its end. Raises `NoReply` if that will never come."""
        reply = self.reply
        while True:
            pieces = reply.take()
            if self._paused and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
            if pieces:
                return pieces
            if reply.ended:
                return []
            if reply.broken:
                raise self._error or BrokenReply("the reply ended before it was complete")
            await self._news()

    def rest(self) -> None:
        """Nobody asks anything now: whatever comes is no reply."""
        self._under_way = False

    def close(self) -> None:
        """End it as one does; at once if there is something that the server does not take."""
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size():
            transport.abort()
        elif transport is not None:
            transport.close()

    def abort(self) -> None:
        """End it at once."""
        self._given_up = True
        if self._transport is not None:
            self._transport.abort()

    async def _news(self) -> None:
        self._awaited = asyncio.get_running_loop().create_future()
        try:
            await self._awaited
        finally:
            self._awaited = None

    def _tell(self) -> None:
        awaited = self._awaited
        if awaited is not None and not awaited.done():
            awaited.set_result(None)

    # asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it can be used."""
        self.made_at_s = asyncio.get_running_loop().time()
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        """Asyncio: a part of a reply."""
        reply = self.reply
        if not self._under_way:
            self.abort()  # nobody asked: what is said next would be taken for a reply
            return
        try:
            reply.feed(data)
        except BrokenReply as error:
            self._error = error
        if self._error is not None or reply.broken:
            self.abort()
        elif reply.held_bytes > MOST_HELD_BYTES and not self._paused and not reply.ended:
            self._paused = True
            if self._transport is not None:
                self._transport.pause_reading()
        if reply.status is not None or self._error is not None:
            self._tell()

    def connection_lost(self, error: Exception | None) -> None:
        """Asyncio: it is no more."""
        self._transport = None
        try:
            self.reply.end(cut=self._given_up or _is_cut(error))
        except ConnectionClosed as closed:
            self._error = self._error or (closed if error is None else _failure(error))
        self._tell()
        self._lost(self)


def _is_cut(error: Exception | None) -> bool:
    """Whether more was to come. Servers that end TLS in a way of their own have said all they had to say."""
    return isinstance(error, OSError) and not isinstance(error, ssl.SSLError)


def _failure(error: Exception) -> ConnectionClosed:
    if isinstance(error, ssl.SSLError):
        return ConnectionClosed(handshake_failure(error))
    if isinstance(error, TimeoutError | ConnectionError):
        return ConnectionClosed(_CLOSED)
    return ConnectionClosed("the connection failed")
