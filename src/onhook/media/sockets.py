"""The sockets of a call's port, by which its peer is reached by IPv4 or IPv6.

Which of the two a peer is at is known when its SDP is: until then a port is bound by each.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from onhook.media._plane import lib

Pair: TypeAlias = tuple[int, int]
"""The descriptors of a call's sockets: RTP, and RTCP on the port above it (RFC 3550 section 11)."""


@dataclass(frozen=True, slots=True)
class Host:
    """An address of ours in digits, or all of a family."""

    ip: str

    def bind(self, port: int) -> int:
        """A socket of a port here. Raises OSError."""
        descriptor: int = lib.plane_bind(self.ip.encode("ascii"), port)
        if descriptor < 0:
            raise OSError(-descriptor, os.strerror(-descriptor))
        return descriptor

    def reaches(self, ip: str) -> bool:
        """Whether a numeric address can be sent to from here."""
        return (":" in ip) == (":" in self.ip)


def hosts_of(ips: Sequence[str]) -> tuple[Host, ...]:
    """Where to bind: at the first of each family."""
    by_family = {":" in ip: Host(ip) for ip in reversed(ips)}
    return tuple(by_family[family] for family in sorted(by_family))


def host_of(pair: Pair) -> Host:
    """Where these were bound."""
    with socket.socket(fileno=os.dup(pair[0])) as bound:
        return Host(str(bound.getsockname()[0]))


def bind_pairs(hosts: Sequence[Host], port: int) -> tuple[Pair, ...]:
    """A pair for each host, or none at all. Raises OSError."""
    bound: list[int] = []
    try:
        for host in hosts:
            bound += [host.bind(port)]
            bound += [host.bind(port + 1)]
    except OSError:
        for descriptor in bound:
            os.close(descriptor)
        raise
    return tuple(zip(bound[::2], bound[1::2], strict=True))


def close_pairs(pairs: Sequence[Pair]) -> None:
    """Nobody uses these any more."""
    for pair in pairs:
        for descriptor in pair:
            os.close(descriptor)
