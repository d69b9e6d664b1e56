"""Where requests inside a dialog and responses go, without ever asking a name server. Pure.

Requests (RFC 3261 12.2.1.1): an address that a peer names is believed when it is a numeric one that
anybody can reach, or the one it sends from, or a private one if the peer was itself heard from a private
address: then both are in networks that we are in. Otherwise the peer sits behind address translation, or
names itself by a host name: then the request goes back to where its INVITE came from, which is the one
place known to reach it. A peer that connected to us is talked to over its connection.

Responses (RFC 3261 18.2.2, RFC 3581 4): to the address that the request came from; at the port it came
from if the peer asked for that, else at the one that its Via names. A peer with a public address that
calls itself by a private one is behind address translation too, and its port is the one it sends from.
`maddr` is not followed: it would send what we say to whoever the peer likes.
"""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from onhook.phone import grammar
from onhook.phone.addresses import (
    Address,
    TcpAddress,
    TlsAddress,
    default_port,
    like,
    local_of,
    over,
    transport_of,
)
from onhook.phone.grammar import Via
from onhook.phone.message import Request
from onhook.phone.uris import SipUri, sip_uri

DEFAULT_PORT = 5060
"""RFC 3261 19.1.2."""

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_MAX_NUMERIC_CHARS = 64
"""No address in digits is longer; what is remembered of peers is bounded."""
_CACHED = 1024
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # RFC 1918
        "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10",  # RFC 6598, 3927, 4193, 4291
    )
)  # fmt: skip


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
    try:
        uri = sip_uri(grammar.name_addr(routes[0]).uri if routes else target)
    except ValueError:
        return source
    host = _spelled(uri.host.strip("[]"))
    transport = _next_transport(uri, source, is_route=bool(routes))
    port = uri.port or default_port(transport)
    if isinstance(source, TcpAddress) and source.local and host in ("", _spelled(source.host)):
        return _over_its_connection(source, uri, transport)
    same_family = host != "" and (":" in source[0]) == (":" in host)
    if not (transport and same_family and 0 < port < 65536) or not _is_reachable(host, source[0]):
        return source
    return _towards(source, transport, host, port)


def _next_transport(uri: SipUri, source: Address, *, is_route: bool) -> str:
    """The transport that a URI asks for, if we follow it there; empty if we stay with that of `source`.

    A peer that names none means the one that it uses. What began over TLS never leaves it, and no TLS begins
    in the middle of a call: a proxy that has it on its other side names first the side that we see (RFC 5658
    3). A proxy that has another of UDP and TCP for us says so; of a phone's Contact this is not believed.
    """
    used = transport_of(source).lower()
    said = "tls" if uri.scheme == "sips" else (uri.parameters.get("transport") or used).lower()
    if said == used:
        return used
    return said if is_route and said in ("udp", "tcp") and used != "tls" else ""


def _over_its_connection(source: TcpAddress, uri: SipUri, transport: str) -> Address:
    """The connection that a peer made to us; `back` and `name` say how it is found should that be gone."""
    port = uri.port or default_port(transport)
    found: TcpAddress = TcpAddress(source.host, source.port)
    if isinstance(source, TlsAddress):
        name = source.name or uri.host.strip("[]")
        found = TlsAddress(source.host, source.port, name, source.files)
    found.back = port if transport and 0 < port < 65536 else 0
    return found.heard_by(source.local)


def _towards(source: Address, transport: str, host: str, port: int) -> Address:
    """An address of a peer that was heard from `source`: by the same listener, with the same TLS."""
    used = transport_of(source).lower()
    if (transport, host, port) == (used, *source):
        return source
    if isinstance(source, TlsAddress):
        return TlsAddress(host, port, source.name or host, source.files)
    local = local_of(source) if transport == used == "udp" else ""
    return over(transport, host, port, local=local)


def origin_of(request: Request) -> str:
    """The numeric address that whoever made a request was heard from, as the first proxy on its way says
    (RFC 3261 18.2.1); empty if it came without a proxy, or that cannot be told."""
    try:
        vias = request.values("via")
        first = grammar.via(vias[-1]) if len(vias) > 1 else None
    except ValueError:
        return ""
    said = (first.parameters.get("received") or first.host if first else "").strip("[]")
    return said if _numeric(said) else ""


def host_of(target: str) -> str:
    """The numeric host of a SIP URI; empty if it is a name, or cannot be read."""
    try:
        host = sip_uri(target).host.strip("[]")
    except ValueError:
        return ""
    return host if _numeric(host) else ""


def is_believable(address: str, peer: str) -> bool:
    """Whether a numeric address may be sent to that the host name of a peer leads to.

    Not one of a network of ours, unless the peer was heard from such a network: its name server is its own.
    """
    return len(address) <= _MAX_NUMERIC_CHARS and _is_reachable(address, peer)


@lru_cache(maxsize=_CACHED)
def _is_reachable(address: str, peer: str) -> bool:
    """Whether an address is anybody's, or the one that a peer was heard from, or as private as that."""
    host, heard_from = _numeric(address), _numeric(peer)
    if host is None:
        return False
    public = host.is_global and not host.is_multicast
    return public or host == heard_from or _side_by_side(host, heard_from)


def return_address(via: Via, source: Address) -> Address:
    """Where the response to a request goes that came from `source` with this topmost Via.

    Over TCP that is the connection of the request.
    """
    port = DEFAULT_PORT if via.port is None else via.port
    asked = "rport" in via.parameters
    if (
        isinstance(source, TcpAddress)
        or asked
        or _translated(via.host, source[0])
        or not (0 < port < 65536)
    ):
        return source
    return like(source, source[0], port)


def sent_by_port(response: bytes, otherwise: int = DEFAULT_PORT) -> int:
    """The port that the topmost Via of a response of ours names (RFC 3261 18.2.2); `otherwise`, if none."""
    line = response.split(b"\r\n", 2)[1].decode("utf-8", "surrogateescape")
    try:
        port = grammar.via(grammar.split_list(line.partition(":")[2])[0]).port
    except (ValueError, IndexError):
        port = None
    return port if port and port < 65536 else otherwise


def _translated(sent_by: str, source: str) -> bool:
    """Whether a peer calls itself by a private address, and was heard from a public one."""
    if sent_by == source:
        return False
    claimed, heard_from = _numeric(sent_by.strip("[]")), _numeric(source)
    return claimed is not None and _is_private(claimed) and not _is_private(heard_from)


def _side_by_side(host: _IPAddress, peer: _IPAddress | None) -> bool:
    """Whether an address can be reached by us because a peer's can: both private, or both our own."""
    if peer is None:
        return False
    if host.is_loopback or peer.is_loopback:
        return host.is_loopback and peer.is_loopback
    return _is_private(host) and _is_private(peer)


def _is_private(address: _IPAddress | None) -> bool:
    """Whether an address means something in its own network only; loopback included."""
    return address is not None and (
        address.is_loopback or any(address in network for network in _PRIVATE)
    )


def _spelled(text: str) -> str:
    """A numeric address in its one form (RFC 5952); empty for anything else."""
    return _spelling(text) if len(text) <= _MAX_NUMERIC_CHARS else ""


@lru_cache(maxsize=_CACHED)
def _spelling(text: str) -> str:
    return str(_address(text) or "")


def _numeric(text: str) -> _IPAddress | None:
    return _address(text) if len(text) <= _MAX_NUMERIC_CHARS else None


@lru_cache(maxsize=_CACHED)
def _address(text: str) -> _IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _uri_parameters(route: str) -> grammar.Parameters:
    _, semicolon, rest = grammar.name_addr(route).uri.partition(";")
    try:
        return grammar.parameters(semicolon + rest.partition("?")[0])
    except ValueError:
        return {}
