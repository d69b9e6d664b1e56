"""Where the head of a reply ends, whatever TCP made of it. Pure.

A parser that is given a head together with a body that is broken throws both away, and one that is given
them apart has read the head by then: which of the two happens is up to TCP. So they are always given
apart. What can be read of a length in only one way is put so that every parser reads it: lengths that are
equal are one (RFC 9110, section 8.6), and none counts beside a Transfer-Encoding (RFC 9112, section 6.3).
"""

import re

_BLANK_LINE = re.compile(rb"\n(\r?\n)")
# No head of another version is interim: `wire` does not count those, and each would be a copy of the rest.
_STATUS = re.compile(rb"HTTP/1\.[0-9.]*[ \t]+([0-9]{3})")
_LENGTH = re.compile(rb"(?im)^content-length[ \t]*:([^\r\n]*)\r?\n")
_CODED = re.compile(rb"(?im)^transfer-encoding[ \t]*:")
_SWITCHING = 101


class HeadSplitter:
    """Splits what comes in reply to one request. A line longer than ``max_line_bytes`` is not waited for."""

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._line = b""
        """A line that has only begun."""
        self._begin_head()
        self.complete = False
        """Whether the head of the real reply has been read."""

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """What of it belongs to heads, as far as whole lines have come, and what follows the last of them."""
        heads, rest = b"", self._line + data
        while rest and not self.complete:
            if self._status is None:
                rest = rest.lstrip(b"\r\n")
            blank = _BLANK_LINE.search(b"\n" + rest)
            if blank is None:
                lines, self._line = self._whole_lines(rest)
                return heads + self._headers(lines), b""
            end, start = blank.start(1) - 1, blank.end(1) - 1
            heads += self._headers(rest[:end]) + self._framing() + rest[end:start]
            self._end_head()
            rest = rest[start:]
        self._line = b""
        return heads, rest

    def _whole_lines(self, data: bytes) -> tuple[bytes, bytes]:
        end = data.rfind(b"\n") + 1
        if len(data) - end > self._max_line_bytes:
            end = len(data)  # for the parser to refuse
        return data[:end], data[end:]

    def _begin_head(self) -> None:
        self._status: int | None = None
        self._length: bytes | None = None
        self._coded = False

    def _end_head(self) -> None:
        """Interim replies (RFC 9110, section 15.2) are followed by another head."""
        interim = 100 <= (self._status or 0) < 200 and self._status != _SWITCHING
        self.complete = not interim
        self._begin_head()

    def _headers(self, lines: bytes) -> bytes:
        """The lines without the lengths that are good; those are given when all of them are known."""
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
