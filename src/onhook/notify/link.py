"""A link between the switch and the process that delivers: messages over a pair of connected sockets.

What is said in one turn of the loop leaves at its end, in one write: most is said by what a commit or a read
of a socket set off, several at a time, and a system call costs more than a message. What nobody waits for
(`patient`) leaves with what is said next, or after a moment: it wakes the other side for nothing.

What is sent waits for the other side, up to a bound: a side that reads no more is given up, as if it had
died, and finds out when it goes on. Nothing is lost by that: the disk has everything that is undelivered.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

import structlog

from onhook.notify.handover import BrokenMessage, Frames, Message, encode

log = structlog.get_logger()

SEND_AHEAD_BYTES: Final = 1024 * 1024
"""Beyond it `drained` waits."""

PATIENCE_S = 0.02
"""How long a message that nobody waits for may wait for company."""

MOST_WAITING_BYTES: Final = 32 * 1024 * 1024
"""Beyond it the other side is given up."""


class Link(asyncio.Protocol):
    """One end. `hear` is called with every message, and `heard` once all that has come together was heard;
    `lost` once: when the other side is gone, or given up."""

    def __init__(
        self,
        hear: Callable[[Message], None],
        lost: Callable[[], None],
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self._hear = hear
        self._lost = lost
        self._heard = heard
        self._frames = Frames()
        self._said: list[bytes] = []
        """What was sent in this turn of the loop, and what nobody waits for."""
        self._flushing: asyncio.Handle | None = None
        self._patient = False
        """Whether nobody waits for any of it."""
        self._transport: asyncio.Transport | None = None
        self._room: asyncio.Future[None] | None = None
        """Set while more is on its way than `SEND_AHEAD_BYTES`."""

    async def open(self, end: socket.socket) -> None:
        """Begin to hear, over a connected AF_UNIX stream socket, which is the link's from now on."""
        end.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=end)

    def send(self, message: Message, *, patient: bool = False) -> None:
        """Send it after what was sent before; nothing happens while the link is not open."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._said.append(encode(message))
        if self._flushing is None:
            loop = asyncio.get_running_loop()
            self._patient = patient
            self._flushing = (
                loop.call_later(PATIENCE_S, self._flush) if patient else loop.call_soon(self._flush)
            )
        elif self._patient and not patient:
            self._flushing.cancel()
            self._patient = False
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    async def drained(self) -> None:
        """Return once there is room for more, or the link is lost."""
        self._flush()
        if self._room is not None:
            await asyncio.shield(self._room)

    def close(self) -> None:
        """End it, without `lost`: what was sent still arrives."""
        self._lost = _nobody
        self._hear = _unheard
        self._flush()
        if self._transport is not None:
            self._transport.close()
        self.resume_writing()

    def _flush(self) -> None:
        said, self._said = self._said, []
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        transport = self._transport
        if not said or transport is None or transport.is_closing():
            return
        transport.write(b"".join(said))
        if self._room is not None and transport.get_write_buffer_size() > MOST_WAITING_BYTES:
            log.error("link_given_up", waiting_bytes=transport.get_write_buffer_size())
            transport.abort()

    # asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it can be used."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport.set_write_buffer_limits(high=SEND_AHEAD_BYTES)

    def data_received(self, data: bytes) -> None:
        """Asyncio: a part of the stream."""
        try:
            for message in self._frames.feed(data):
                self._hear(message)
        except BrokenMessage as error:
            log.error("link_broken", reason=str(error))
            if self._transport is not None:
                self._transport.abort()
        finally:
            self._heard()

    def pause_writing(self) -> None:
        """Asyncio: enough is on its way."""
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Asyncio: most of it has left."""
        room, self._room = self._room, None
        if room is not None:
            room.set_result(None)

    def connection_lost(self, _error: Exception | None) -> None:
        """Asyncio: the other side is gone."""
        self._transport = None
        self.resume_writing()
        self._lost()


def _nobody() -> None:
    """Nothing is to be done any more."""


def _unheard(_: Message) -> None:
    """Whatever is still said."""
