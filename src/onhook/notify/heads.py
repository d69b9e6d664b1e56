"""Where the head of a reply ends, whatever TCP made of it. Pure.

The status counts once its head is read, so the head is parsed apart from the body, which may be broken.
What can be read of a length in only one way is put so that the parser reads it: lengths that are equal are
one (RFC 9110, section 8.6), and none counts beside a Transfer-Encoding (RFC 9112, section 6.3).

A head has bounds, and so has what comes before it: the parser would go on with interim replies (RFC 9110,
section 15.2) for as long as they come.
"""

import re
from typing import Final

from onhook.notify.errors import BrokenReply

MAX_HEADS: Final = 32
"""Of one reply, those of interim replies before it included. Nobody needs more than two."""

MAX_LINE_BYTES: Final = 16 * 1024
"""Of one line of a head."""

MAX_LINES: Final = 129
"""Of one head: the status line, and header lines."""

_BLANK_LINE = re.compile(rb"\n(\r?\n)")
# No head of another version is interim: the parser refuses it, and each would be a copy of the rest.
_STATUS = re.compile(rb"HTTP/1\.[0-9.]*[ \t]+([0-9]{3})")
_LENGTH = re.compile(rb"(?im)^content-length[ \t]*:([^\r\n]*)\r?\n")
_CODED = re.compile(rb"(?im)^transfer-encoding[ \t]*:")
_SWITCHING = 101


class HeadSplitter:
    """Splits what comes in reply to one request. All that is asked of it raises `BrokenReply` at a bound."""

    def __init__(self) -> None:
        self._line = b""
        """A line that has only begun."""
        self._heads = 0
        self.head = b""
        """The last one, as far as it has come."""
        self._begins = True
        self._begin_head()
        self.complete = False
        """Whether it is the head of the real reply, and has been read."""

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """What of it belongs to heads, as far as whole lines have come, and what follows the last of them."""
        heads, rest = b"", self._line + data
        while rest and not self.complete:
            if self._status is None:
                rest = rest.lstrip(b"\r\n")
            blank = _BLANK_LINE.search(b"\n" + rest)
            if blank is None:
                whole, self._line = self._whole_lines(rest)
                return heads + self._add(self._headers(whole)), b""
            end, start = blank.start(1) - 1, blank.end(1) - 1
            heads += self._add(self._headers(rest[:end]) + self._framing() + rest[end:start])
            self._end_head()
            rest = rest[start:]
        self._line = b""
        return heads, rest

    def _add(self, lines: bytes) -> bytes:
        self.head = lines if self._begins else self.head + lines
        self._begins = self._begins and not lines
        return lines

    def _whole_lines(self, data: bytes) -> tuple[bytes, bytes]:
        end = data.rfind(b"\n") + 1
        if len(data) - end > MAX_LINE_BYTES:
            raise BrokenReply("a line of the reply's head is too long")
        return data[:end], data[end:]

    def _begin_head(self) -> None:
        self._status: int | None = None
        self._length: bytes | None = None
        self._coded = False
        self._lines = 0
        self._begins = True

    def _end_head(self) -> None:
        self._heads += 1
        if self._heads > MAX_HEADS:
            raise BrokenReply("the reply has no end")
        interim = 100 <= (self._status or 0) < 200 and self._status != _SWITCHING
        self.complete = not interim
        self._begin_head()

    def _headers(self, lines: bytes) -> bytes:
        """The lines without the lengths that are good; those are given when all of them are known."""
        self._lines += check_lines(lines)
        if self._lines > MAX_LINES:
            raise BrokenReply("the reply's head is too long")
        if self._status is None and lines:
            found = _STATUS.match(lines)
            self._status = int(found[1]) if found else 0
        lowered = lines.lower()  # most lines are neither: looking for that costs a tenth
        if b"transfer-encoding" in lowered:
            self._coded = self._coded or _CODED.search(lines) is not None
        return _LENGTH.sub(self._noted, lines) if b"content-length" in lowered else lines

    def _noted(self, line: re.Match[bytes]) -> bytes:
        values = {value.strip() for value in line[1].split(b",")}
        if len(values) > 1 or values != {self._length or next(iter(values))}:
            return line[0]  # they differ: for the parser to refuse
        self._length = values.pop()
        return b""

    def _framing(self) -> bytes:
        if self._length is None or self._coded:
            return b""
        return b"Content-Length: %s\r\n" % self._length


def check_lines(lines: bytes) -> int:
    """How many whole lines there are. Raises `BrokenReply` if one of them is too long."""
    if len(lines) > MAX_LINE_BYTES and max(map(len, lines.split(b"\n"))) > MAX_LINE_BYTES:
        raise BrokenReply("a line of the reply's head is too long")
    return lines.count(b"\n")
