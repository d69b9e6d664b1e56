"""SIP messages as the test phone reads and writes them: text, a start line and header lines.

Written from RFC 3261 for the test phone alone; it shares nothing with the product's own SIP. It is
strict where the RFC is, because its work is to notice what a server gets wrong.

Errors: SipTextError (a ValueError) for everything that cannot be read.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote

Address: TypeAlias = tuple[str, int]
"""An IPv4 or IPv6 address in digits, without brackets, and a port."""
Headers: TypeAlias = Iterable[tuple[str, str]]
"""Header lines, name and value, in order."""

MAX_HEADER_LINES = 200
MAX_LINE_CHARS = 4096  # bounds the time that any header takes to read
MAGIC_COOKIE = "z9hG4bK"  # RFC 3261 8.1.1.7

_COMPACT = {  # RFC 3261 7.3.3
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "k": "supported",
    "s": "subject",
    "e": "content-encoding",
}
_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_REQUEST_LINE = re.compile(rf"({_TOKEN}) (\S+) SIP/2\.0")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d) (.*)")
_HEADER_LINE = re.compile(rf"({_TOKEN})[ \t]*:([^\x00-\x08\x0a-\x1f\x7f]*)")
_CSEQ = re.compile(rf"(\d{{1,10}})[ \t]+({_TOKEN})")
_URI = re.compile(r"sips?:(?:[^@>;?\s]*@)?(\[[^\]]+\]|[^:;?>\s]+)(?::(\d{1,5}))?", re.IGNORECASE)
_USER = re.compile(r"sips?:([^@:>\s]*)(?::[^@>\s]*)?@|tel:([^>\s]*)", re.IGNORECASE)
_PARTS = re.compile(r'"(?:\\.|[^"\\])*"|<[^<>]*>|[^,"<]+|["<]|(,)')


class SipTextError(ValueError):
    """Bytes that are not a SIP message, or a header that cannot be read."""


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One request or response; header names are kept as they were sent."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        """Tell a request from a response."""
        return not self.start.startswith("SIP/2.0 ")

    @property
    def status(self) -> int:
        """Return the status code of a response, 0 for a request."""
        found = _STATUS_LINE.fullmatch(self.start)
        return int(found[1]) if found else 0

    @property
    def reason(self) -> str:
        """Return the reason phrase of a response, "" for a request."""
        found = _STATUS_LINE.fullmatch(self.start)
        return found[2] if found else ""

    @property
    def method(self) -> str:
        """Return the method of a request, or of the request that a response answers."""
        return self.start.split(" ", 1)[0] if self.is_request else self.cseq[1]

    @property
    def uri(self) -> str:
        """Return the Request-URI, "" for a response."""
        return self.start.split(" ")[1] if self.is_request else ""

    def header(self, name: str) -> str | None:
        """Return the first value of a header, None when it is absent; compact names count."""
        return next((value for key, value in self.headers if _same(key, name)), None)

    def need(self, name: str) -> str:
        """Return the first value of a header that must be there, else raise SipTextError."""
        value = self.header(name)
        if value is None:
            raise SipTextError(f"no {name} header in: {self.start}")
        return value

    def values(self, name: str) -> list[str]:
        """Return all values of a header that is a comma-separated list, over all its lines."""
        lines = [value for key, value in self.headers if _same(key, name)]
        return [part for line in lines for part in split_list(line)]

    @property
    def call_id(self) -> str:
        """Return the Call-ID; SipTextError when there is none."""
        return self.need("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        """Return number and method of the CSeq header; SipTextError when it cannot be read."""
        found = _CSEQ.fullmatch(self.need("CSeq"))
        if found is None:
            raise SipTextError(f"unreadable CSeq in: {self.start}")
        return int(found[1]), found[2]

    @property
    def branch(self) -> str:
        """Return the branch of the topmost Via, "" when it has none."""
        via = self.values("Via")
        return param_of(via[0], "branch") or "" if via else ""

    @property
    def from_tag(self) -> str:
        """Return the tag of From, "" when it has none."""
        return param_of(self.need("From"), "tag") or ""

    @property
    def to_tag(self) -> str:
        """Return the tag of To, "" when it has none."""
        return param_of(self.need("To"), "tag") or ""

    def to_bytes(self) -> bytes:
        """Write the message for the wire, as it is."""
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode() + self.body


def _same(key: str, name: str) -> bool:
    key = key.lower()
    return _COMPACT.get(key, key) == name.lower()


def parse(data: bytes) -> SipMessage:
    """Read one datagram (RFC 3261 7); raises SipTextError and nothing else.

    A body longer than Content-Length is cut there, a shorter one is an error (RFC 3261 18.3).
    """
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        raise SipTextError("no empty line after the headers")
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        raise SipTextError("header lines that are not UTF-8") from error
    start, *lines = text.split("\r\n")
    if not (_REQUEST_LINE.fullmatch(start) or _STATUS_LINE.fullmatch(start)):
        raise SipTextError("the first line is neither a request line nor a status line")
    if len(lines) > MAX_HEADER_LINES:
        raise SipTextError(f"more than {MAX_HEADER_LINES} header lines")
    message = SipMessage(start, tuple(_read_header(line) for line in _unfold(lines)), rest)
    length = message.header("Content-Length")
    if length is None:
        return message
    if not re.fullmatch(r"\d{1,7}", length, re.ASCII) or int(length) > len(rest):
        raise SipTextError("Content-Length is not that of the body")
    return SipMessage(start, message.headers, rest[: int(length)])


def _unfold(lines: list[str]) -> list[str]:
    """Join continuation lines, which start with a blank (RFC 3261 7.3.1)."""
    joined: list[str] = []
    for line in lines:
        if line.startswith((" ", "\t")) and joined:
            joined[-1] = f"{joined[-1].rstrip()} {line.lstrip()}"
        else:
            joined.append(line)
    return joined


def _read_header(line: str) -> tuple[str, str]:
    found = _HEADER_LINE.fullmatch(line)
    if found is None or len(line) > MAX_LINE_CHARS:
        raise SipTextError("a line that is not a header, or is too long")
    return found[1], found[2].strip(" \t")


def request(method: str, uri: str, headers: Headers, body: bytes = b"") -> SipMessage:
    """Compose a request; Content-Length is added."""
    lines = (*headers, ("Content-Length", str(len(body))))
    return SipMessage(f"{method} {uri} SIP/2.0", lines, body)


def response(
    to: SipMessage,
    status: int,
    reason: str,
    *,
    tag: str = "",
    headers: Headers = (),
    body: bytes = b"",
) -> SipMessage:
    """Compose the response to a request (RFC 3261 8.2.6): Via, From, To, Call-ID, CSeq copied.

    `tag` is added to To when To has none yet.
    """
    copied: list[tuple[str, str]] = [("Via", via) for via in to.values("Via")]
    copied += [("Record-Route", route) for route in to.values("Record-Route")]
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = to.need(name)
        if name == "To" and tag and not to.to_tag:
            value = f"{value};tag={tag}"
        copied.append((name, value))
    lines = (*copied, *headers, ("Content-Length", str(len(body))))
    return SipMessage(f"SIP/2.0 {status} {reason}", lines, body)


def split_list(value: str) -> list[str]:
    """Split at the commas that stand outside quotes and angle brackets."""
    parts = [""]
    for found in _PARTS.finditer(value):
        if found[1]:
            parts.append("")
        else:
            parts[-1] += found[0]
    return [part.strip() for part in parts if part.strip()]


def uri_of(value: str) -> str:
    """Return the URI of a name-addr or addr-spec (RFC 3261 25.1): with `<>` or without."""
    unquoted = re.sub(r'^\s*"(?:\\.|[^"\\])*"', "", value)
    bracketed = re.search(r"<([^<>]*)>", unquoted)
    return bracketed[1] if bracketed else unquoted.split(";", 1)[0].strip()


def param_of(value: str, name: str) -> str | None:
    """Return a parameter of a header value (behind the `>` if there is one), None when absent."""
    unquoted = re.sub(r'"(?:\\.|[^"\\])*"', '""', value)
    behind = unquoted.rsplit(">", 1)[-1]
    for part in behind.split(";")[1:]:
        key, _, text = part.partition("=")
        if key.strip().lower() == name.lower():
            return text.strip()
    return None


def user_of(uri: str) -> str:
    """Return the user part of a SIP URI, or the number of a tel URI (RFC 3966), "" if none.

    Parameters of the user part and percent escapes are resolved.
    """
    found = _USER.match(uri)
    return unquote(found[1] or found[2]).split(";", 1)[0] if found else ""


def host_port(address: Address) -> str:
    """Write an address as Via and URIs have it: an IPv6 one in brackets (RFC 3261 25.1)."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_of(uri: str) -> Address | None:
    """Return where a SIP URI points: numeric address and port (5060 by default).

    None for a host name (nothing is looked up), for an address of no use such as 0.0.0.0, and for
    what cannot be read.
    """
    found = _URI.match(uri)
    if found is None:
        return None
    try:
        in_brackets = found[1].startswith("[")
        host = ipaddress.ip_address(found[1].strip("[]"))
    except ValueError:
        return None
    if in_brackets != (host.version == 6):
        return None
    port = int(found[2] or 5060)
    if host.is_unspecified or not 0 < port < 65536:
        return None
    return str(host), port
