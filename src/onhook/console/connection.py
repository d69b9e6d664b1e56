"""Over which way a request came: encrypted, or from this very machine; from whom; to which origin.

A proxy that is trusted says so by ``X-Forwarded-Proto``, ``X-Forwarded-For`` and ``X-Forwarded-Host``; nobody
else is believed. What comes in the clear is answered only where no network lies between.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_FORWARDED: Final = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via")
_HOST: Final = re.compile(r"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.I)


class NotPrivate(Exception):
    """Others could read along, or another page asks; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One that is private."""

    encrypted: bool
    """By TLS; otherwise it is loopback."""
    address: str
    """Of the browser."""
    origins: frozenset[str]
    """What a page of ours has for its origin."""


def connection_of(
    request: HTTPConnection,
    trusted_proxies: Sequence[IPv4Network | IPv6Network],
    public_url: str,
) -> Connection:
    """How a request came. Raises :class:`NotPrivate`."""
    headers = request.headers
    peer = _address(request.client.host if request.client else "")
    host = headers.get("host", "")
    if peer is None or not _HOST.fullmatch(host):
        raise NotPrivate("The request does not name the host that it is for.")
    by_proxy = any(name in headers for name in _FORWARDED)
    if by_proxy and _is_in(peer, trusted_proxies):
        if _last(headers.get("x-forwarded-proto", "")) != "https":
            raise NotPrivate(
                "The console is open over HTTPS only: the proxy in front has to speak it with browsers, "
                "and to say so with the header X-Forwarded-Proto: https."
            )
        seen = _last(headers.get("x-forwarded-host", ""))
        hosts = [host, seen] if _HOST.fullmatch(seen) else [host]
        address = _behind(headers.get("x-forwarded-for", ""), peer, trusted_proxies)
        return Connection(True, str(address), _origins("https", hosts, public_url))
    if by_proxy or not (peer.is_loopback and _is_loopback(host)):
        raise NotPrivate(
            "The console is open over HTTPS only, or at http://localhost on the machine itself. Put a proxy "
            "with a certificate in front, and name its address in --trusted-proxies."
        )
    return Connection(False, str(peer), _origins("http", [host], ""))


def _origins(scheme: str, hosts: Sequence[str], public_url: str) -> frozenset[str]:
    found = {f"{scheme}://{host.lower()}" for host in hosts}
    public = urlsplit(public_url)
    if public.scheme == "https":
        found.add(f"https://{public.netloc.lower()}")
    return frozenset(found)


def _behind(
    forwarded_for: str,
    peer: IPv4Address | IPv6Address,
    trusted: Sequence[IPv4Network | IPv6Network],
) -> IPv4Address | IPv6Address:
    """The first address, seen from here, that is no proxy of ours."""
    address = peer
    for text in reversed(forwarded_for.split(",")):
        found = _address(text.strip())
        if found is None:
            break
        address = found
        if not _is_in(address, trusted):
            break
    return address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _is_in(
    address: IPv4Address | IPv6Address, networks: Sequence[IPv4Network | IPv6Network]
) -> bool:
    return any(address in network for network in networks)


def _is_loopback(host: str) -> bool:
    """Whether this is how this machine is called from itself: another name could lead here from anywhere."""
    name = urlsplit(f"//{host}").hostname or ""
    found = _address(name)
    return name == "localhost" or (found is not None and found.is_loopback)


def _last(values: str) -> str:
    return values.rpartition(",")[2].strip().lower()
