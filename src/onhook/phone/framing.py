"""SIP messages out of a stream of bytes (RFC 3261 18.3, RFC 5626 4.4.1). Pure.

A message ends where its Content-Length says; one that names none has no body. What is kept of an
unfinished message is bounded by `MAX_DATAGRAM_BYTES`, as over UDP.
"""

import re
from collections.abc import Iterator

from onhook.phone.message import MAX_DATAGRAM_BYTES

PING = b"\r\n\r\n"
"""What keeps a connection alive; the answer to it is PONG."""
PONG = b"\r\n"

_LENGTH = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)", re.IGNORECASE
)
_NUMBER = re.compile(rb"\d{1,6}")


class BrokenStream(ValueError):
    """Nothing that follows can be read. `head` is that of the message that cannot be cut, if it is there
    as a whole: its sender can be told."""

    def __init__(self, why: str, head: bytes = b"") -> None:
        super().__init__(why)
        self.head = head


class Framer:
    """Cuts one connection's stream into messages, by Content-Length (RFC 3261 18.3)."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    @property
    def unread(self) -> bytes:
        """What has come and was not cut."""
        return bytes(self._buffer)

    def keep(self, data: bytes) -> None:
        """Take this, and cut nothing yet."""
        self._buffer += data

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that `data` completes, and `PING` for each ping.

        Raises `BrokenStream` when the stream makes no sense.
        """
        self._buffer += data
        while (size := self._size()) is not None and size <= len(self._buffer):
            message = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._searched = 0
            if message != PONG:
                yield message

    def _size(self) -> int | None:
        """The size of what the stream begins with, once that is known."""
        if self._buffer.startswith(PONG):  # or the first half of a ping
            start = bytes(self._buffer[:4])
            if start == PING:
                return len(PING)
            return None if PING.startswith(start) else len(PONG)
        end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(self._buffer)
            if self._searched > MAX_DATAGRAM_BYTES:
                raise BrokenStream("header too long")
            return None
        self._searched = end
        lengths = set(_LENGTH.findall(self._buffer[: end + 2]))
        if len(lengths) > 1 or not all(_NUMBER.fullmatch(length) for length in lengths):
            raise BrokenStream("bad Content-Length", bytes(self._buffer[: end + 4]))
        size = end + 4 + int(lengths.pop() if lengths else 0)
        if size > MAX_DATAGRAM_BYTES:
            raise BrokenStream("message too long", bytes(self._buffer[: end + 4]))
        return size
