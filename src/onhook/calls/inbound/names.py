"""Where the names of trunks lead, by the locator that finds their servers (RFC 3263).

It is asked every second. What it found holds for as long as the name server says; a name that leads nowhere
is looked up again after a while, and until then is where it was.
"""

from collections.abc import Sequence
from typing import Protocol

from onhook.calls import clock
from onhook.phone.addresses import Address
from onhook.phone.locating.target import Target, of_trunk
from onhook.phone.trunk import SIP_PORT, Trunk

AGAIN_S = 30.0


class Locates(Protocol):
    """Finds servers (phone.locating.Locator)."""

    def known(self, target: Target) -> tuple[Address, ...] | None:
        """The servers of a target, if nobody has to be asked."""

    async def located(self, target: Target) -> tuple[Address, ...]:
        """The servers of a target; none if there are none, or they cannot be known."""


class LocatedNames:
    """The numeric hosts of trunks (TrunkNames)."""

    def __init__(self, locator: Locates) -> None:
        self._locator = locator
        self._asked: dict[Target, tuple[float, tuple[str, ...]]] = {}

    async def of_proxy(self, trunk: Trunk) -> Sequence[str]:
        """Where its requests go, and so may come from."""
        return await self._hosts(of_trunk(trunk))

    async def of_name(self, host: str) -> Sequence[str]:
        """Its servers, and its own addresses, which it need not be among."""
        servers = await self._hosts(Target(host))
        return (*servers, *await self._hosts(Target(host, SIP_PORT)))

    async def _hosts(self, target: Target) -> tuple[str, ...]:
        servers = self._locator.known(target)
        again_s, before = self._asked.get(target, (0.0, ()))
        if servers is None:
            if clock.now_s() < again_s:
                return before
            servers = await self._locator.located(target)
        hosts = tuple(dict.fromkeys(address[0] for address in servers)) or before
        self._asked[target] = (clock.now_s() + AGAIN_S, hosts)
        return hosts
