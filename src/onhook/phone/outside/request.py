"""A request of ours outside a dialog: REGISTER, OPTIONS (RFC 3261 8.1.1). Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from onhook.phone.addresses import Address, transport_of
from onhook.phone.reply import HeaderLines, check_headers


def no_headers(address: Address) -> HeaderLines:
    """Of a request that says the same wherever it goes."""
    return ()


@dataclass(frozen=True, slots=True)
class OutsideRequest:
    """What a request says, whichever address it goes to in the end.

    `local` and `remote` are From without a tag, and To; `headers` gives what depends on the address, such
    as our Contact there.
    """

    method: str
    uri: str
    local: str
    remote: str
    routes: tuple[str, ...] = ()
    headers: Callable[[Address], HeaderLines] = no_headers


@dataclass(frozen=True, slots=True)
class Sending:
    """One try: where it goes, and what makes it a transaction of its own."""

    address: Address
    sent_by: str
    branch: str
    call_id: str
    tag: str
    cseq: int
    user_agent: str


def write(request: OutsideRequest, sending: Sending, headers: HeaderLines) -> bytes:
    """The text of one try with these headers. ValueError for a route that would break it."""
    routes = check_headers([("Route", route) for route in request.routes])
    extra = "".join([f"{name}: {value}\r\n" for name, value in (*routes, *headers)])
    return (
        f"{request.method} {request.uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport_of(sending.address)} {sending.sent_by};branch={sending.branch};rport\r\n"
        f"Max-Forwards: 70\r\n"
        f"From: {request.local};tag={sending.tag}\r\n"
        f"To: {request.remote}\r\n"
        f"Call-ID: {sending.call_id}\r\n"
        f"CSeq: {sending.cseq} {request.method}\r\n"
        f"{extra}"
        f"User-Agent: {sending.user_agent}\r\n"
        f"Content-Length: 0\r\n\r\n"
    ).encode("utf-8", "surrogateescape")
