"""The REGISTER and the OPTIONS that a trunk gets (RFC 3261 10.2, 11.1). Pure."""

from collections.abc import Callable, Sequence

from onhook.phone.addresses import Address, transport_parameter
from onhook.phone.outline import route_of
from onhook.phone.outside.request import OutsideRequest
from onhook.phone.reply import ALLOW, HeaderLines
from onhook.phone.trunk import Trunk

ReachedAt = Callable[[Address], str]


def contact_uri(user: str, reached_at: str, address: Address) -> str:
    """Our Contact where an address is reached: calls to this user part come by the trunk."""
    return f"sip:{user}@{reached_at}{transport_parameter(address)}"


def register(trunk: Trunk, user: str, reached_at: ReachedAt, expires_s: int) -> OutsideRequest:
    """Ask for our Contact to be kept for some seconds, or with 0 to be forgotten."""

    def headers(address: Address) -> HeaderLines:
        contact = contact_uri(user, reached_at(address), address)
        return (
            ("Contact", f"<{contact}>;expires={expires_s}"),
            ("Expires", str(expires_s)),
            ("Supported", "path"),
            ("Allow", ALLOW),
        )

    return _of_the_user(trunk, headers)


def forget(trunk: Trunk, contacts: Sequence[str]) -> OutsideRequest:
    """Ask for Contacts of an earlier process to be forgotten."""
    lines = [("Contact", f"<{contact}>;expires=0") for contact in contacts]
    return _of_the_user(trunk, lambda address: lines)


def options(trunk: Trunk, reached_at: ReachedAt) -> OutsideRequest:
    """Ask whether the trunk is there."""
    us = f"<sip:{trunk.from_user or trunk.username or 'ping'}@{trunk.from_domain or _host(trunk.host)}>"

    def headers(address: Address) -> HeaderLines:
        contact = f"<sip:{reached_at(address)}{transport_parameter(address)}>"
        return (("Contact", contact), ("Accept", "application/sdp"))

    uri = f"sip:{_host(trunk.host)}{_port(trunk)}"
    return OutsideRequest("OPTIONS", uri, us, f"<{uri}>", _routes(trunk), headers)


def domain_of(trunk: Trunk) -> str:
    """Whose users we are one of: the domain where one was given, which is what its users' addresses end
    with, or else the host."""
    return _host(trunk.from_domain or trunk.host)


def _of_the_user(trunk: Trunk, headers: Callable[[Address], HeaderLines]) -> OutsideRequest:
    domain = domain_of(trunk)
    us = f"<sip:{trunk.username.partition('@')[0]}@{domain}>"
    return OutsideRequest("REGISTER", f"sip:{domain}", us, us, _routes(trunk), headers)


def _routes(trunk: Trunk) -> tuple[str, ...]:
    """An outbound proxy is the first of the route (RFC 3261 8.1.2)."""
    return (route_of(trunk.next_hop),) if trunk.outbound_proxy else ()


def _port(trunk: Trunk) -> str:
    return f":{trunk.port}" if trunk.port and trunk.port != 5060 else ""


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
