"""Where a request inside a dialog goes (RFC 3261 12.2.1.1), without ever asking a name server.

An address that a peer names is believed only when it is a numeric one that anybody can reach, or the
one it sends from. Otherwise the peer sits behind address translation, or names itself by a host
name: then the request goes back to where its INVITE came from, which is the one place known to
reach it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from onhook.phone import grammar
from onhook.phone.message import Address, TcpAddress

DEFAULT_PORT = 5060
"""RFC 3261 19.1.2."""


def request_uri_and_routes(target: str, routes: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The Request-URI and the Route values for a remote target and a route set.

    A first route without `lr` is a strict router: it gets its own URI, and the target goes last.
    """
    if not routes or "lr" in _uri_parameters(routes[0]):
        return target, tuple(routes)
    first = grammar.name_addr(routes[0]).uri.partition("?")[0]
    return first, (*routes[1:], f"<{target}>")


def next_hop(target: str, routes: Sequence[str], source: Address) -> Address:
    """The address to send to; `source` is where the peer's INVITE came from, or ours went."""
    text = grammar.name_addr(routes[0]).uri if routes else target
    try:
        uri = grammar.sip_uri(text)
        host = ipaddress.ip_address(uri.host.strip("[]"))
    except ValueError:
        return source
    port = uri.port or DEFAULT_PORT
    over_tcp = isinstance(source, TcpAddress)
    transport = (uri.parameters.get("transport") or "udp").lower()
    same_transport = uri.scheme == "sip" and transport == ("tcp" if over_tcp else "udp")
    reachable = str(host) == source[0] or (host.is_global and not host.is_multicast)
    same_family = (":" in source[0]) == (host.version == 6)
    if same_transport and reachable and same_family and 0 < port < 65536:
        return TcpAddress(str(host), port) if over_tcp else (str(host), port)
    return source


def _uri_parameters(route: str) -> grammar.Parameters:
    _, semicolon, rest = grammar.name_addr(route).uri.partition(";")
    try:
        return grammar.parameters(semicolon + rest.partition("?")[0])
    except ValueError:
        return {}
