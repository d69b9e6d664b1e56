"""What a registrar's answer says (RFC 3261 10.2.4 to 10.2.8, RFC 3608). Pure; nothing in it is believed
unread."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from onhook.phone import grammar
from onhook.phone.addresses import bracketed
from onhook.phone.message import Response
from onhook.phone.registration.machine import Granted, Refused, TooBrief, Unanswered
from onhook.phone.uris import SipUri, sip_uri

MAX_ROUTES = 10
MAX_ROUTE_CHARS = 2048
"""A Service-Route with more of either is not used."""
MAX_STALE = 5
"""So many bindings that an earlier process left are taken back after one answer."""
_MOST_S = 2**31 - 1

Answer = Granted | TooBrief | Refused | Unanswered


@dataclass(frozen=True, slots=True)
class Binding:
    """A Contact as the registrar lists it: the URI as written, its user part, where it leads to, and how long
    it is kept (None: it does not say)."""

    uri: str
    user: str
    where: str
    expires_s: int | None


def answer_of(
    response: Response | None, user: str, asked_s: int, *, garbled: bool = False
) -> Answer:
    """What came of a REGISTER for the Contact with this user part that asked for `asked_s`; `garbled` if it
    is a challenge that cannot be read.

    A registrar that does not list our Contact, because it writes another one or none at all, is believed what
    it says for all of them: RFC 3261 10.2.4 wants it listed, and gateways leave it out.
    """
    if response is None:
        return Unanswered()
    if response.status == 423:
        return TooBrief(_seconds(response.first("min-expires")) or 0)
    if response.status >= 300:
        wait_s = float(_seconds(response.first("retry-after")) or 0)
        return Refused(response.status, wait_s, garbled)
    ours = [binding.expires_s for binding in bindings(response) if binding.user == user]
    said = next((seconds for seconds in ours if seconds is not None), None)
    if said is None:
        said = _seconds(response.first("expires"))
    return Granted(asked_s if said is None else said)


def bindings(response: Response) -> Iterator[Binding]:
    """The Contacts of a 2xx that can be read."""
    try:
        values = response.values("contact")
    except ValueError:
        return
    for value in values:
        try:
            address = grammar.name_addr(value)
            uri = sip_uri(address.uri)
        except ValueError:
            continue
        expires_s = _seconds(address.parameters.get("expires", ""))
        yield Binding(address.uri, uri.user or "", _where(uri), expires_s)


def seen_as(response: Response) -> str:
    """The address at which the registrar saw us, if that is another than our Via says (RFC 3261 18.2.1, RFC
    3581): host and port. Over a connection the host alone tells, since the port is the connection's. Only for
    whoever wonders: what we say of ourselves does not follow from it."""
    try:
        ours = grammar.via(response.values("via")[0])
    except (ValueError, IndexError):
        return ""
    said_port = str(ours.port or 5060)
    host = _plain(ours.parameters.get("received", "") or ours.host)
    port = ours.parameters.get("rport", "") or said_port
    other = host != _plain(ours.host) or (ours.transport.upper() == "UDP" and port != said_port)
    seen = f"{bracketed(host)}:{port}"
    return seen[:60] if other and host.isprintable() and port.isdigit() else ""


def _plain(host: str) -> str:
    """A host without brackets, an address in one way of several (RFC 5118 4.5: `received` comes with them and
    without)."""
    plain = host.strip("[]")
    try:
        return str(ip_address(plain))
    except ValueError:
        return plain


def left_behind(response: Response, user: str, contact: str) -> tuple[str, ...]:
    """Contacts of ours beside the present one: a process that crashed, or had another address, left them, and
    calls would ring there as well. `contact` is the URI of the present one.

    None, if that is not listed: then the registrar writes Contacts in its own way, and which of them is the
    present one nobody knows.
    """
    here = _where(sip_uri(contact))
    ours = [each for each in bindings(response) if each.user == user]
    if all(each.where != here for each in ours):
        return ()
    return tuple(each.uri for each in ours if each.where != here)[:MAX_STALE]


def service_route(response: Response) -> tuple[str, ...]:
    """The Service-Route of a 2xx (RFC 3608 5), each value as it goes into Route; none if it cannot be
    read."""
    try:
        values = response.values("service-route")
        for value in values:
            sip_uri(grammar.name_addr(value).uri)
            value.index("<")  # as Route has it (RFC 3261 20.34)
    except ValueError:
        return ()
    fits = len(values) <= MAX_ROUTES and sum(map(len, values)) <= MAX_ROUTE_CHARS
    return tuple(values) if fits and all(value.isprintable() for value in values) else ()


def why(status: int, reason: str = "", *, garbled: bool = False) -> str:
    """What a failed registration means, and what to do; `status` 0 is no answer. `reason` is a clause, if
    one is known: why its challenge was not answered, or why there was no connection. `garbled`: because
    that cannot be read."""
    if garbled:
        return f"The registrar wants to know us, and {reason}. {_TROUBLE}"
    if status in (401, 407):
        return f"The registrar wants to know us, and {reason or 'asks again'}: {_CREDENTIALS}"
    if status == 0 and reason:
        return f"{_HINTS[0]} Of the last one: {reason}."
    if status in _HINTS:
        return _HINTS[status]
    if 300 <= status < 400:
        return "It sends us elsewhere, and redirections are not followed: set --proxy to where it points."
    if status >= 500:
        return f"The registrar is in trouble. {_TROUBLE}"
    return "The registrar refuses the request itself; its operator can say which rule of theirs it broke."


_TROUBLE = "It is asked again, less and less often."
_CREDENTIALS = (
    "see 'onhook trunk set --username --auth-user', and the variable ONHOOK_TRUNK_PASSWORD."
)
_HINTS = {
    0: "None of its addresses answers: look at --proxy, --transport, and whether a firewall is between.",
    200: "It answers 200 and grants no time.",
    403: "It refuses us: a wrong password, a barred account, or an address that it does not know.",
    404: "It does not know this user: look at --username, and at --from-domain, which is the domain of it.",
    408: "A proxy is there, and the registrar behind it does not answer.",
    423: "It wants a longer time than it says, or longer than a day.",
    488: "It refuses the transport, or wants its own security agreement (RFC 3329), which is not supported.",
    494: "It wants a security agreement (RFC 3329), which is not supported.",
}


def _where(uri: SipUri) -> str:
    """Host, port and transport, in which Contacts of one user part may differ (RFC 3261 19.1.4)."""
    transport = (uri.parameters.get("transport") or "udp").lower()
    return f"{uri.host.lower()}:{uri.port or 5060};{transport}"


def _seconds(text: str) -> int | None:
    """A delta-seconds at the beginning of a value, such as `60 (maintenance);duration=10`."""
    digits = text.strip().partition(";")[0].partition("(")[0].strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        return None
    return min(int(digits), _MOST_S)
