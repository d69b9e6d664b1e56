"""DNS: the hosts of trunks are found."""

import socket
import time
from collections.abc import Iterator
from ipaddress import ip_address

from onhook.cli.doctor.finding import Finding, Installation, KnownTrunk
from onhook.phone.trunk import is_numeric

_SLOW_S = 2.0


def names(here: Installation) -> Iterator[Finding]:
    """The host of each trunk that is asked, and the name of this machine where nothing else is there."""
    hosts = list(dict.fromkeys(host for one in here.trunks if (host := _named_host(here, one))))
    if not hosts:
        yield Finding("dns", True, "no trunk has a host name")
    for host in hosts:
        yield _found(host)


def _named_host(here: Installation, one: KnownTrunk) -> str:
    if one.record.name not in here.asks or one.usable is None:
        return ""
    host = one.usable.next_hop.host
    return "" if is_numeric(host) else host


def _found(host: str) -> Finding:
    """By A and AAAA; what stands in NAPTR and SRV is looked at with the OPTIONS through the trunk."""
    name, began_s = f"dns {host}", time.monotonic()
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        # A carrier may have SRV records only: what a call uses is asked with the trunk itself.
        why = error.strerror or type(error).__name__
        advice = "look at --proxy and at /etc/resolv.conf, unless the name has SRV records only"
        return Finding(name, False, f"no address ({why}): {advice}")
    took_s = time.monotonic() - began_s
    addresses = sorted({str(one[4][0]) for one in found}, key=lambda text: ip_address(text).packed)
    if took_s > _SLOW_S:
        return Finding(
            name, False, f"found, but only after {took_s:.1f} s: look at /etc/resolv.conf"
        )
    return Finding(name, True, ", ".join(addresses[:4]))
