"""Requests within a dialog: what they say and where they go (RFC 3261 12.2.1.1). Pure."""

import secrets
from dataclasses import dataclass, replace

from onhook.testing import sip_text
from onhook.testing.sip_text import Address, Headers, SipMessage


def via_of(address: Address) -> str:
    """Compose a Via with a fresh branch, asking for the reply at our own port (RFC 3581)."""
    branch = sip_text.MAGIC_COOKIE + secrets.token_hex(8)
    transport = getattr(address, "transport", "UDP")
    return f"SIP/2.0/{transport} {sip_text.host_port(address)};rport;branch={branch}"


def uri_of(user: str, address: Address) -> str:
    """The URI under which a phone is reached at an address."""
    transport = getattr(address, "transport", "UDP").lower()
    said = "" if transport == "udp" else f";transport={transport}"
    return f"sip:{user}@{sip_text.host_port(address)}{said}"


@dataclass(frozen=True, slots=True)
class DialogRoute:
    """What every request within a dialog says of it, whichever side sends it (RFC 3261 12.1)."""

    local: str
    """Our From."""
    remote: str
    """Our To."""
    call_id: str
    contact: str
    """Our Contact."""
    target: str
    """The URI in the other side's Contact."""
    routes: tuple[str, ...]
    """In the order in which a request of ours names them."""

    @classmethod
    def of_caller(cls, invite: SipMessage, answer: SipMessage) -> "DialogRoute":
        """The caller's dialog, made by a 2xx: its Record-Routes backwards (RFC 3261 12.1.2)."""
        return cls(
            invite.need("From"), answer.need("To"), invite.call_id, invite.need("Contact"),
            _contact_uri(answer, invite.uri), tuple(answer.values("Record-Route")[::-1]),
        )  # fmt: skip

    @classmethod
    def of_callee(cls, invite: SipMessage, tag: str, contact: str) -> "DialogRoute":
        """The callee's dialog: the INVITE's Record-Routes as they stand (RFC 3261 12.1.1)."""
        return cls(
            f"{invite.need('To')};tag={tag}", invite.need("From"), invite.call_id, contact,
            _contact_uri(invite, sip_text.uri_of(invite.need("From"))),
            tuple(invite.values("Record-Route")),
        )  # fmt: skip

    def refreshed(self, message: SipMessage) -> "DialogRoute":
        """Follow the other side to the Contact of its re-INVITE, or of its 2xx to ours (12.2)."""
        return replace(self, target=_contact_uri(message, self.target))

    @property
    def next_hop(self) -> Address | None:
        """Say where a request goes: the first route, else the target; None if no address."""
        hops = [sip_text.uri_of(route) for route in self.routes[:1]] or [self.target]
        return sip_text.address_of(hops[0])


def within(
    dialog: DialogRoute,
    via: str,
    method: str,
    number: int,
    headers: Headers = (),
    body: bytes = b"",
) -> SipMessage:
    """Compose a request in the dialog.

    Its URI is the other side's Contact; a first route without `lr` is a strict router, which
    wants its own URI there.
    """
    uri, routes = dialog.target, list(dialog.routes)
    if routes and not _is_loose(routes[0]):
        uri = sip_text.uri_of(routes[0])
        routes = [*routes[1:], f"<{dialog.target}>"]
    lines = [
        ("Via", via),
        ("Max-Forwards", "70"),
        *(("Route", route) for route in routes),
        ("From", dialog.local),
        ("To", dialog.remote),
        ("Call-ID", dialog.call_id),
        ("CSeq", f"{number} {method}"),
        ("Contact", dialog.contact),
        *headers,
    ]
    return sip_text.request(method, uri, lines, body)


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
        *(("Route", route) for route in invite.values("Route")),
        ("From", invite.need("From")),
        ("To", answer.need("To")),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq[0]} ACK"),
    ]
    return sip_text.request("ACK", invite.uri, lines)


def _contact_uri(message: SipMessage, otherwise: str) -> str:
    contacts = message.values("Contact")
    return sip_text.uri_of(contacts[0]) if contacts else otherwise


def _is_loose(route: str) -> bool:
    return sip_text.param_of(sip_text.uri_of(route), "lr") is not None
