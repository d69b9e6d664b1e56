"""The reply to one request, as far as it has come. Pure: bytes go in, and what they come to is read off it.

`httptools` (llhttp) decides where a head and a body end. It is as tolerant as clients have to be of servers
that exist: odd bytes in header values, lines that end with a line feed, blanks behind the size of a chunk.
What is tolerated moves no boundary: who disagrees with us about one has spoilt that connection, and no other.
"""

import re
from contextlib import suppress
from typing import Final

import httptools

from onhook.notify.errors import BrokenReply, ConnectionClosed
from onhook.notify.heads import MAX_LINE_BYTES, MAX_LINES, HeadSplitter

MAX_WIRE_BYTES: Final = 24 * 1024 * 1024
"""Of one reply, all in all: the largest recording, and generous room for its framing."""

_NOT_HTTP: Final = "the reply was not valid HTTP"
_VERSION: Final = b"HTTP/1."
_SWITCHING: Final = 101
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")


class ReplyReader:
    """`feed` it what arrives, and `end` it when the connection has ended."""

    __slots__ = (
        "_first",
        "_head",
        "_parser",
        "_pieces",
        "_splitter",
        "_wire_bytes",
        "broken",
        "ended",
        "held_bytes",
        "keeps_open",
        "status",
    )

    def __init__(self) -> None:
        self.status: int | None = None
        """Known as soon as the whole head of the real reply has come."""
        self.ended = False
        """Its last byte has come."""
        self.broken = False
        """The body will never be whole. The status counts all the same."""
        self.keeps_open = False
        """Once it has ended: whether the connection can be used for another request."""
        self.held_bytes = 0
        """How much of the body waits to be taken."""
        self._parser: httptools.HttpResponseParser | None = self._new_parser()
        """None when it has nothing more to read: the two hold one another."""
        self._splitter: HeadSplitter | None = None
        """For heads that come in parts, and those that the parser refuses as they are."""
        self._first = b""
        self._head = b""
        self._pieces: list[bytes] = []
        self._wire_bytes = 0

    def _new_parser(self) -> httptools.HttpResponseParser:
        parser = httptools.HttpResponseParser(self)
        parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        return parser

    @property
    def begun(self) -> bool:
        """Whether a reply has begun at all: what came, if anything, looks like one."""
        first = self._first.lstrip(b"\r\n")[: len(_VERSION)]
        return bool(first) and _VERSION.startswith(first)

    def feed(self, data: bytes) -> None:
        """A part of the reply. Raises `BrokenReply` if it will never have a head."""
        if self.broken or self.ended:
            self.keeps_open = self.keeps_open and not data
            return
        self._wire_bytes += len(data)
        if self._wire_bytes > MAX_WIRE_BYTES:
            self._break_off()
            if self.status is None:
                raise BrokenReply("the reply has no end")
        elif self.status is not None:
            self._read(data)
        else:
            self._read_head(data)

    def end(self, *, cut: bool = False) -> None:
        """The connection has ended; `cut` is not how a server ends a body that has no length.

        Raises `ConnectionClosed` if there was no whole head by then.
        """
        self.keeps_open, self._parser = False, None
        if self.status is None:
            raise ConnectionClosed("the connection was closed before the reply was complete")
        if self.ended or self.broken:
            return
        self.ended = self._ends_with_connection and not cut
        self.broken = not self.ended

    def take(self) -> list[bytes]:
        """What came of the body since the last time."""
        pieces, self._pieces = self._pieces, []
        self.held_bytes = 0
        return pieces

    def fields(self) -> dict[str, list[str]]:
        """The header fields: by name in lower case, the values in their order."""
        found: dict[str, list[str]] = {}
        # No expression that could go back: a server decides what stands here, and how many blanks.
        for line in _FOLD.sub(b" ", self._head.lstrip(b"\r\n")).split(b"\n")[1:]:
            name, colon, value = line.partition(b":")
            if colon:
                found.setdefault(_text(name).strip().lower(), []).append(_text(value).strip())
        return found

    @property
    def _ends_with_connection(self) -> bool:
        fields = self.fields()
        codings = fields.get("transfer-encoding")
        if codings:
            return not codings[-1].lower().endswith("chunked")
        return "content-length" not in fields

    # The head -----------------------------------------------------------------------------------

    def _read_head(self, data: bytes) -> None:
        self._first = self._first or data[:64].lstrip(b"\r\n")
        if self._splitter is None and self._read_whole_head(data):
            return
        splitter = self._splitter = self._splitter or HeadSplitter()
        heads, body = splitter.split(data)
        self._head = splitter.head
        if heads:
            self._read(heads)
        if splitter.complete and self.status is None:
            raise BrokenReply(_NOT_HTTP)  # the parser knows of no head
        if body:
            self._read(body)

    def _read_whole_head(self, data: bytes) -> bool:
        """Most replies come at once, and say one thing of their length: the parser reads them as they are."""
        end = data.find(b"\r\n\r\n") + 4
        if not 4 <= end <= MAX_LINE_BYTES or data.count(b"\n", 0, end) > MAX_LINES + 1:
            return False
        self._head = data[:end]
        with suppress(BrokenReply):
            self._read(self._head)
        if self.status is None:  # an interim one, or one that says two things
            self._parser = self._new_parser()
            return False
        if len(data) > end:
            self._read(data[end:])
        return True

    def _read(self, data: bytes) -> None:
        if self._parser is None:
            self.keeps_open = False  # more than it said: who knows what the rest is
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break_off()
        except httptools.HttpParserError:
            if self.status is None:
                raise BrokenReply(_NOT_HTTP) from None
            self._break_off()

    def _break_off(self) -> None:
        """What follows is not of this reply, or nothing that can be read."""
        self.keeps_open, self._parser = False, None
        self.broken = not self.ended

    # httptools ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Httptools: a reply begins."""
        if self.ended:
            self.keeps_open = False

    def on_headers_complete(self) -> None:
        """Httptools: a head has been read."""
        parser = self._parser
        if parser is None or self.status is not None:
            return  # of another one behind this one
        status = parser.get_status_code()
        if not 100 <= status < 200 or status == _SWITCHING:
            self.status = status
            self.keeps_open = parser.should_keep_alive() and status != _SWITCHING

    def on_body(self, piece: bytes) -> None:
        """Httptools: a part of the body."""
        if not self.ended:
            self._pieces.append(piece)
            self.held_bytes += len(piece)

    def on_message_complete(self) -> None:
        """Httptools: all of a reply has been read."""
        if self.status is not None:
            self.ended, self._parser = True, None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
