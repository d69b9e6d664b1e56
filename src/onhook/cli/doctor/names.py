"""DNS: the servers of trunks are found, as calls find them (RFC 3263: NAPTR, SRV, A, AAAA)."""

import time
from collections.abc import AsyncIterator

from onhook.cli.doctor.finding import Finding, Installation
from onhook.phone.addresses import bracketed
from onhook.phone.locating.dns import DnsNames
from onhook.phone.locating.locator import Locator
from onhook.phone.locating.target import Target, of_trunk

_SLOW_S = 2.0
_SHOWN = 4
_LOOK = "look at --proxy, and at --dns-servers or /etc/resolv.conf"


async def names(here: Installation) -> AsyncIterator[Finding]:
    """The host of each trunk that is asked, if it is a name."""
    targets = {of_trunk(one.usable): one.record.name for one in here.trunks
               if one.usable is not None and one.record.name in here.asks}  # fmt: skip
    named = [target for target in targets if not target.is_numeric]
    if not named:
        yield Finding("dns", True, "no trunk has a host name")
    locator = Locator(DnsNames(here.settings.dns_servers))
    try:
        for target in named:
            yield Finding(f"dns {target.host}", *await _found(locator, target))
    finally:
        locator.close()


async def _found(locator: Locator, target: Target) -> tuple[bool, str]:
    began_s = time.monotonic()
    found = await locator.located(target)
    took_s = time.monotonic() - began_s
    if not found:
        return False, f"no address: {_LOOK}"
    if took_s > _SLOW_S:
        return False, f"found, but only after {took_s:.1f} s: {_LOOK}"
    return True, ", ".join(f"{bracketed(one[0])}:{one[1]}" for one in found[:_SHOWN])
