"""Responses as bytes, by direct formatting. Pure.

Whatever a peer sent is echoed as it came; whatever the application hands in is checked here for
line breaks, because a header value that holds one is two headers.
"""

from collections.abc import Iterable

from onhook.phone.echo import echo_of_malformed
from onhook.phone.errors import BadRequest
from onhook.phone.grammar import is_token
from onhook.phone.message import Address, Request

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"
"""The methods that we answer (RFC 3261 20.5)."""

SUPPORTED = "100rel, timer"
"""The extensions that we know (RFC 3261 20.37; RFC 3262, RFC 4028)."""

HeaderLines = Iterable[tuple[str, str]]
"""Names and values of further headers."""

PHRASES = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 400: "Bad Request",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    408: "Request Timeout",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    422: "Session Interval Too Small",
    469: "Bad Info Package", 480: "Temporarily Unavailable", 489: "Bad Event",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
    483: "Too Many Hops", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error",
    501: "Not Implemented", 503: "Service Unavailable", 504: "Server Time-out",
    600: "Busy Everywhere", 603: "Decline", 606: "Not Acceptable",
}  # fmt: skip
"""Default reason phrases (RFC 3261 21)."""


def phrase_text(text: str) -> str:
    """`text` fit for a status line or a quoted string: printable, on one line, 200 characters."""
    text = text[:200]
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " for char in text)


def warning(code: int, agent: str, text: str) -> tuple[str, str]:
    """A Warning with a code of RFC 3261 20.43; `agent` is our host and port."""
    quoted = phrase_text(text).replace("\\", "\\\\").replace('"', '\\"')
    return "Warning", f'{code} {agent} "{quoted}"'


def check_headers(headers: HeaderLines) -> tuple[tuple[str, str], ...]:
    """The headers as a tuple; ValueError for a name or value that would break the message."""
    checked = tuple(headers)
    for name, value in checked:
        if not is_token(name) or not value.isprintable():
            raise ValueError(f"not a header: {name!r}")
    return checked


def response(
    request: Request,
    status: int,
    phrase: str | None = None,
    *,
    to_tag: str = "",
    headers: HeaderLines = (),
    sdp: bytes = b"",
    lines: str = "",
) -> bytes:
    """A response to `request`. `to_tag` is added to To unless the request already names a tag. `lines` are
    headers that are written already, each with its CRLF; they come first."""
    before, after = request.echo
    tag = f";tag={to_tag}" if to_tag and not request.to_tag else ""
    return _assemble(status, phrase, f"{before}{tag}{after}{lines}", headers, sdp)


def bad_request(error: BadRequest, source: Address, to_tag: str) -> bytes:
    """The refusal of a request that could not be read; `Unanswerable` if there is too little of it."""
    before, after = echo_of_malformed(error.headers, source)
    recipient = error.headers.get("to", ())
    tag = f";tag={to_tag}" if recipient and "tag=" not in recipient[0].lower() else ""
    return _assemble(error.status, error.reason, before + tag + after, (), b"")


def _assemble(
    status: int, phrase: str | None, echo: str, headers: HeaderLines, sdp: bytes
) -> bytes:
    phrase = phrase or PHRASES.get(status, "Unknown")
    extra = "".join([f"{name}: {value}\r\n" for name, value in headers])
    kind = "Content-Type: application/sdp\r\n" if sdp else ""
    head = f"SIP/2.0 {status} {phrase}\r\n{echo}{extra}{kind}Content-Length: {len(sdp)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + sdp
