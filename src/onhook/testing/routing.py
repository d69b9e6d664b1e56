"""Requests within a dialog: what they say and where they go (RFC 3261 12.2.1.1). Pure."""

from __future__ import annotations

import secrets

from onhook.testing import sip_text
from onhook.testing.sip_text import Address, Headers, SipMessage


def via_of(address: Address) -> str:
    """Compose a Via with a fresh branch, asking for the reply at our own port (RFC 3581)."""
    branch = sip_text.MAGIC_COOKIE + secrets.token_hex(8)
    return f"SIP/2.0/UDP {address[0]}:{address[1]};rport;branch={branch}"


def within(
    invite: SipMessage,
    answer: SipMessage,
    via: str,
    method: str,
    number: int,
    headers: Headers = (),
    body: bytes = b"",
) -> SipMessage:
    """Compose a request of the caller in the dialog that `answer`, a 2xx, made.

    Its URI is the server's Contact, its Routes are the Record-Routes backwards; a first route
    without `lr` is a strict router, which wants its own URI there.
    """
    contacts = answer.values("Contact")
    target = sip_text.uri_of(contacts[0]) if contacts else invite.uri
    routes = answer.values("Record-Route")[::-1]
    uri = target
    if routes and not _is_loose(routes[0]):
        uri = sip_text.uri_of(routes[0])
        routes = [*routes[1:], f"<{target}>"]
    lines = [
        ("Via", via),
        ("Max-Forwards", "70"),
        *(("Route", route) for route in routes),
        ("From", invite.need("From")),
        ("To", answer.need("To")),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{number} {method}"),
        ("Contact", invite.need("Contact")),
        *headers,
    ]
    return sip_text.request(method, uri, lines, body)


def next_hop(answer: SipMessage) -> Address | None:
    """Say where such a request goes: the first route, else the Contact; None if no address."""
    hops = [*answer.values("Record-Route")[::-1], *answer.values("Contact")]
    return sip_text.address_of(sip_text.uri_of(hops[0])) if hops else None


def cancel(invite: SipMessage) -> SipMessage:
    """Compose the CANCEL of an INVITE: its own branch, URI, tags and number (RFC 3261 9.1)."""
    copied = [(name, invite.need(name)) for name in ("Via", "From", "To", "Call-ID")]
    number = ("CSeq", f"{invite.cseq[0]} CANCEL")
    return sip_text.request("CANCEL", invite.uri, [*copied, number, ("Max-Forwards", "70")])


def ack_of_refusal(invite: SipMessage, answer: SipMessage) -> SipMessage:
    """Compose the ACK of a 3xx to 6xx, part of the INVITE's transaction (RFC 3261 17.1.1.3)."""
    lines = [
        ("Via", invite.need("Via")),
        ("Max-Forwards", "70"),
        ("From", invite.need("From")),
        ("To", answer.need("To")),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq[0]} ACK"),
    ]
    return sip_text.request("ACK", invite.uri, lines)


def _is_loose(route: str) -> bool:
    return sip_text.param_of(sip_text.uri_of(route), "lr") is not None
