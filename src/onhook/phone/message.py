"""From a datagram to a request or a response. Pure; every header is read once.

The bounds come first: the size of a datagram and the number of its lines, before anything is read. A header
is a dictionary entry, whose value is looked into by whoever asks for it; only what every message has to have
(RFC 3261 8.1.1) is read at once.

Text is decoded with `surrogateescape`, so that whatever bytes a peer put into the fields that a
reply echoes go back unchanged.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from onhook.phone import grammar
from onhook.phone.addresses import Address as Address
from onhook.phone.addresses import TcpAddress as TcpAddress
from onhook.phone.addresses import TlsAddress as TlsAddress
from onhook.phone.echo import echo, readable_via
from onhook.phone.errors import BadRequest, Unanswerable
from onhook.phone.grammar import NameAddr, Via

MAX_DATAGRAM_BYTES = 16 * 1024
"""Larger datagrams are dropped unread."""
MAX_HEADER_LINES = 100
"""A message with more header lines is refused with 400."""
MAX_CALL_ID_CHARS = 256
"""Longer Call-IDs are refused: they are kept, stored and logged."""

Headers = dict[str, list[str]]
"""Header values as written, by lower-case long name, in order of appearance."""
TransactionKey = tuple[str, ...]
"""What identifies a server transaction (RFC 3261 17.2.3)."""

MAGIC_COOKIE = "z9hG4bK"
METHODS = frozenset((
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "REFER",
    "PUBLISH", "PRACK", "INFO", "UPDATE",
))  # fmt: skip
"""The methods that SIP has (the registry of RFC 3261 27.4)."""

# RFC 3261 7.3.3 and the extensions that carriers use.
_COMPACT = {
    "b": "referred-by", "c": "content-type", "e": "content-encoding", "f": "from",
    "i": "call-id", "k": "supported", "l": "content-length", "m": "contact", "o": "event",
    "r": "refer-to", "s": "subject", "t": "to", "u": "allow-events", "v": "via",
    "x": "session-expires",
}  # fmt: skip
_NAMES = {
    **{spelling: name for letter, name in _COMPACT.items() for spelling in (letter, letter.upper())},
    **{spelling: written.lower() for written in (
        "Via", "From", "To", "Call-ID", "Call-Id", "CSeq", "Contact", "Max-Forwards", "Content-Length",
        "Content-Type", "Record-Route", "Route", "Allow", "Supported", "Require", "User-Agent", "Server",
        "Accept", "Session-Expires", "Min-SE", "P-Asserted-Identity", "Privacy", "Reason", "Expires",
        "Date", "Authorization", "Proxy-Authorization", "Allow-Events", "Organization",
    ) for spelling in (written, written.lower())},
}  # fmt: skip
"""What is kept of a header's name, for the ways in which nearly everybody writes it."""
_FOLD = re.compile(r"\r\n[ \t]+")
# Echoing these would let a peer write headers of its own choice into our messages.
_CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\t\r\n")
_ONCE = (("max-forwards", "Max-Forwards"), ("content-type", "Content-Type"))
_CALL_ID = re.compile(r"[\x21-\x7e]+")
_PLAIN_REQUEST_URI = re.compile(r'sips?:[^\s<>"?]+')
_REQUEST_LINE = re.compile(r"([^ ]+) (.*) SIP/(\d+\.\d+)([ \t]*)", re.ASCII | re.IGNORECASE)
_STATUS = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?", re.ASCII)


@dataclass(slots=True)
class Request:
    """A request whose mandatory fields are present and readable; nobody changes it.

    `source` is where the datagram came from.
    """

    method: str
    uri: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    source: Address
    via: Via
    call_id: str
    sender: NameAddr
    recipient: NameAddr
    from_tag: str
    """The tag of whoever sent the request."""
    to_tag: str
    """Our tag, when the request belongs to a dialog; otherwise empty."""
    cseq: int
    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The names that begin with X- as they are written, by how they are written in small letters."""
    _echo: tuple[str, str] | None = field(default=None, init=False, repr=False, compare=False)
    _key: TransactionKey | None = field(default=None, init=False, repr=False, compare=False)

    def first(self, name: str, default: str = "") -> str:
        """The first value of a header, given by its lower-case long name."""
        values = self.headers.get(name)
        return values[0] if values else default

    def values(self, name: str) -> list[str]:
        """All values of a header, whether on one line or on many; ValueError when unreadable."""
        return [value for line in self.headers.get(name, ()) for value in grammar.split_list(line)]

    @property
    def echo(self) -> tuple[str, str]:
        """What every response repeats: the lines before the To value, and those after it."""
        if self._echo is None:
            self._echo = echo(self.headers, self.via, self.source)
        return self._echo

    @property
    def transaction_key(self) -> TransactionKey:
        """Identifies the server transaction (RFC 3261 17.2.3); an ACK has its INVITE's key."""
        if self._key is None:
            self._key = self.key_of("INVITE" if self.method == "ACK" else self.method)
        return self._key

    def key_of(self, method: str) -> TransactionKey:
        """The key of the transaction with this request's identifiers but another method."""
        branch = self.via.branch
        if branch.startswith(MAGIC_COOKIE) and branch != MAGIC_COOKIE:
            return (branch, self.via.host.lower(), str(self.via.port), method)
        # An agent older than RFC 3261, or one that says nothing after the cookie: the To tag is left
        # out, for its ACK has one and its INVITE has none; the rest is unique enough.
        line = self.headers["via"][0]
        return ("rfc2543", line, self.call_id, self.from_tag, str(self.cseq), method)


@dataclass(slots=True)
class Response:
    """A response to one of our requests; `branch` and `method` find the transaction. Nobody changes it."""

    status: int
    branch: str
    method: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    phrase: str = ""
    cseq: int = 0

    def first(self, name: str, default: str = "") -> str:
        """The first value of a header, given by its lower-case long name."""
        values = self.headers.get(name)
        return values[0] if values else default

    def values(self, name: str) -> list[str]:
        """All values of a header, whether on one line or on many; ValueError when unreadable."""
        return [value for line in self.headers.get(name, ()) for value in grammar.split_list(line)]

    @property
    def from_tag(self) -> str:
        """Our tag, empty without one. ValueError when From cannot be read."""
        return grammar.name_addr(_only(self.headers, "from", "From")).parameters.get("tag", "")

    @property
    def to_tag(self) -> str:
        """The tag of whoever answered, empty without one. ValueError when To cannot be read."""
        return grammar.name_addr(_only(self.headers, "to", "To")).parameters.get("tag", "")


def parse(data: bytes, source: Address) -> Request | Response:
    """Read one datagram.

    Raises `Unanswerable` for what deserves silence (this includes every bad response) and
    `BadRequest` for what deserves a 400, 501 or 505.
    """
    start, lines, body, defect = _split(data)
    if start.startswith("SIP/"):
        return _response(start, lines, body, defect)
    line = _request_line(start)
    names: dict[str, str] = {}
    headers, unreadable = _headers(lines, names)
    if line.version != "2.0":  # RFC 3261 21.5.6
        raise BadRequest("Version Not Supported", line.method, headers, status=505)
    try:
        if defect := line.defect or defect or unreadable:
            raise ValueError(defect)
        return _request(line.method, line.uri, headers, body, source, names)
    except ValueError as error:
        raise BadRequest(str(error), line.method, headers) from error


def _split(data: bytes) -> tuple[str, list[str], bytes, str]:
    """The start line, the header lines, the body, and what is wrong with them (empty: nothing)."""
    if len(data) > MAX_DATAGRAM_BYTES:
        raise Unanswerable("too large")
    head, blank, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")  # RFC 3261 7.5
    if not blank:
        raise Unanswerable("no blank line")
    breaks = head.count(b"\r\n")
    if head.count(b"\r") != breaks or head.count(b"\n") != breaks:
        raise Unanswerable("bare line break")
    text = head.decode("utf-8", "surrogateescape")
    clean = len(head.translate(None, _CONTROLS)) == len(head) or grammar.is_printable(text)
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    start, *lines = text.split("\r\n")
    return start, lines, body, "" if clean else "Control Character"


class _RequestLine(NamedTuple):
    """A request line (RFC 3261 7.1); `defect` says what is wrong with it, and is empty if nothing is."""

    method: str
    uri: str
    version: str
    defect: str


def _request_line(start: str) -> _RequestLine:
    words = start.split(" ")
    if len(words) == 3 and words[0] in METHODS and words[1] and words[2] == "SIP/2.0":
        return _RequestLine(words[0], words[1], "2.0", "")
    found = _REQUEST_LINE.fullmatch(start)
    if found is None:
        raise Unanswerable("not a request line")
    method, uri, version, trailing = found.groups()
    defect = "Bad Method" if not grammar.is_token(method) else ""
    return _RequestLine(method, uri, version, "Blanks After Request Line" if trailing else defect)


def _headers(lines: list[str], names: dict[str, str] | None = None) -> tuple[Headers, str]:
    """The headers that can be read, and what is wrong with the others (empty: nothing).

    `names` gets those that begin with X- as they are written, by how they are written in small letters.
    """
    headers: Headers = {}
    defect = ""
    if len(lines) > MAX_HEADER_LINES:
        lines = lines[:MAX_HEADER_LINES]
        defect = "Too Many Header Fields"
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            defect = defect or "Header Field Without Colon"
            continue
        key = _NAMES.get(name)
        if key is None:
            written = name.rstrip()
            name = written.lower()
            if names is not None and name.startswith("x-"):
                names.setdefault(name, written)
            key = _COMPACT.get(name, name)
        values = headers.get(key)
        if values is None:
            headers[key] = [value.strip()]
        else:
            values.append(value.strip())
    return headers, defect


def _only(headers: Headers, name: str, label: str) -> str:
    values = headers.get(name, ())
    if len(values) == 1 and values[0]:
        return values[0]
    raise ValueError(f"{'Repeated' if len(values) > 1 else 'Missing'} {label} Header Field")


def _check_repetitions(headers: Headers) -> None:
    """Raise ValueError where two lines say what can be said once; Content-Length is looked at later."""
    for name, label in _ONCE:
        if name in headers and len(headers[name]) > 1:
            raise ValueError(f"Repeated {label} Header Field")


def _party(headers: Headers, name: str, label: str) -> NameAddr:
    """Who a request is from, or for."""
    value = _only(headers, name, label)
    try:
        return grammar.name_addr(value, strict=True)
    except ValueError as error:
        raise ValueError(f"Bad {label} Header Field") from error


def _top_via(headers: Headers) -> Via:
    top = readable_via(headers)
    if top is None:
        raise ValueError("Bad Via Header Field")
    return top


def _cseq(headers: Headers) -> tuple[int, str]:
    value = _only(headers, "cseq", "CSeq")
    try:
        return grammar.cseq(value)
    except ValueError as error:
        raise ValueError("Bad CSeq Header Field") from error


def _request(
    method: str,
    uri: str,
    headers: Headers,
    body: bytes,
    source: Address,
    names: Mapping[str, str],
) -> Request:
    # RFC 3261 16.3: never repaired, always refused
    if not _PLAIN_REQUEST_URI.fullmatch(uri) and not grammar.is_request_uri(uri):
        raise ValueError("Bad Request-URI")
    _check_repetitions(headers)
    top = _top_via(headers)
    call_id = _only(headers, "call-id", "Call-ID")
    if len(call_id) > MAX_CALL_ID_CHARS or not _CALL_ID.fullmatch(call_id):
        raise ValueError("Bad Call-ID Header Field")
    sender = _party(headers, "from", "From")
    recipient = _party(headers, "to", "To")
    to_tag = recipient.parameters.get("tag")
    if to_tag == "":  # neither inside nor outside a dialog
        raise ValueError("Bad To Header Field")
    number, named = _cseq(headers)
    if named != method and method not in METHODS:  # RFC 4475 3.1.2.18: later versions may know it
        raise BadRequest("Not Implemented", method, headers, status=501)
    if named != method:
        raise ValueError("CSeq Method Does Not Match")
    whole, from_tag = _body(headers, body), sender.parameters.get("tag", "")
    return Request(
        method, uri, headers, whole, source, top, call_id, sender, recipient, from_tag, to_tag or "",
        number, names,
    )  # fmt: skip


def _body(headers: Headers, body: bytes) -> bytes:
    """The body as Content-Length bounds it (RFC 3261 18.3)."""
    values = headers.get("content-length")
    if not values:
        return body
    text = values[0]
    if not (text.isascii() and text.isdigit() and len(text) <= 6) or len(set(values)) > 1:
        raise ValueError("Bad Content-Length Header Field")
    if int(text) > len(body):
        raise ValueError("Body Shorter Than Content-Length")
    return body[: int(text)]


def _response(start: str, lines: list[str], body: bytes, defect: str) -> Response:
    found = _STATUS.fullmatch(start)
    headers, unreadable = _headers(lines)
    if found is None or defect or unreadable:
        raise Unanswerable(defect or unreadable or "bad status line")
    try:
        top = _top_via(headers)
        cseq, method = _cseq(headers)
        body = _body(headers, body)
    except ValueError as error:
        raise Unanswerable(str(error)) from error
    phrase = found.group(2) or ""
    return Response(int(found.group(1)), top.branch, method, headers, body, phrase, cseq)
