"""The networks that we are inside of: who is there reaches us without any translation."""

import socket
import struct
from collections.abc import Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from pathlib import Path

Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
PRIVATE: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # RFC 1918
        "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10",  # RFC 6598, 3927, 4193, 4291
    )
)  # fmt: skip
_ROUTES = Path("/proc/net/route")
_ROUTES_IPV6 = Path("/proc/net/ipv6_route")
_UP = 0x0001
_GATEWAY = 0x0002


def default_networks(
    routes: Path = _ROUTES, routes_ipv6: Path = _ROUTES_IPV6
) -> tuple[Network, ...]:
    """Private networks, and those that an interface of this machine is in. Read anew by whoever asks."""
    return (*PRIVATE, *own_networks(routes, routes_ipv6))


def own_networks(routes: Path = _ROUTES, routes_ipv6: Path = _ROUTES_IPV6) -> tuple[Network, ...]:
    """Those that an interface of this machine is in."""
    return (*_ipv4(routes), *_ipv6(routes_ipv6))


def _ipv4(path: Path) -> Iterator[Network]:
    """Networks that are reached without a gateway (proc(5), net/route)."""
    for fields in _lines(path)[1:]:
        try:
            destination, flags, mask = fields[1], int(fields[3], 16), fields[7]
            host, bits = _host_order(destination), int(mask, 16).bit_count()
        except (IndexError, ValueError):
            continue
        if bits and flags & _UP and not flags & _GATEWAY:
            yield IPv4Network((IPv4Address(host), bits), strict=False)


def _ipv6(path: Path) -> Iterator[Network]:
    for fields in _lines(path):
        try:
            host, bits = IPv6Address(int(fields[0], 16)), int(fields[1], 16)
            flags, interface = int(fields[8], 16), fields[9]
        except (IndexError, ValueError):
            continue
        local = interface == "lo" or host.is_multicast
        if bits and not local and flags & _UP and not flags & _GATEWAY:
            yield IPv6Network((host, bits), strict=False)


def _host_order(text: str) -> bytes:
    """The kernel writes an address as a number of this machine."""
    return socket.inet_aton(str(IPv4Address(struct.pack("=I", int(text, 16)))))


def _lines(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text().splitlines()]
    except OSError:  # not Linux, or no such family
        return []
