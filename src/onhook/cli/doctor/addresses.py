"""The addresses that peers are told: a private one is of no use to a carrier."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Literal

from onhook.cli.doctor.finding import Finding, Installation
from onhook.cli.doctor.listening import listeners
from onhook.phone.transport import address_towards
from onhook.phone.trunk import is_numeric

Family = Literal[4, 6]
FAR: dict[Family, str] = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Addresses of nobody: what leaves towards them leaves towards the internet."""


def families(here: Installation) -> list[Family]:
    """Those on which SIP listens."""
    found = {ip_address(one.host).version for one in listeners(here.settings)}
    return [family for family in FAR if family in found]


def told(here: Installation, family: Family) -> str:
    """The address of ours that a peer on the internet is told; empty if there is none of this family."""
    if public := here.outside.known.get(family):
        return public
    for one in listeners(here.settings):
        host = ip_address(one.host)
        if host.version != family:
            continue
        if not host.is_unspecified:
            return one.host
        try:
            return address_towards(FAR[family])
        except OSError:
            return ""
    return ""


def addresses(here: Installation) -> Iterator[Finding]:
    """Each family on which SIP listens."""
    given = here.settings.public_address
    if given and not here.outside.known:
        names = ", ".join(one.host for one in given)
        detail = f"{names} leads to no address: look at --public-address, --dns-servers and --stun-server"
        yield Finding("address", False, detail)
    for family in families(here):
        yield Finding(f"address IPv{family}", *_told(here, family, told(here, family)))


def _told(here: Installation, family: Family, ip: str) -> tuple[bool, str]:
    if family in here.outside.known:
        return True, f"peers outside are told {ip} (--public-address)"
    if not ip:
        return False, "there is no route to the internet: look at the network of this machine"
    address = ip_address(ip)
    if address.is_global:
        return True, f"peers are told {ip}"
    outside = [one.record.name for one in here.trunks if _is_outside(here, one.record.proxy_host)]
    if not outside:
        return True, f"peers are told {ip}, which is private; no trunk is outside"
    what = "this machine only" if address.is_loopback else "its own network"
    remedy = "--sip 0.0.0.0:5060" if address.is_loopback else "--public-address"
    return (
        False,
        f"peers are told {ip}, which is good in {what}: {', '.join(outside)} needs {remedy}",
    )


def _is_outside(here: Installation, host: str) -> bool:
    """A name is taken for somebody's on the internet."""
    return not is_numeric(host) or not here.outside.is_inside(host)
