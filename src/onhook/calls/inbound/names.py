"""Where the names of trunks lead, by the name service of the system."""

import asyncio
import socket
from collections.abc import Sequence

from onhook.calls import clock
from onhook.phone.trunk import Trunk, is_numeric

_DEADLINE_S = 6.0
_KEPT_S = 30.0


class SystemNames:
    """Looks names up, each once in a while; what was found is kept while nobody says anything better."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}

    async def of_proxy(self, trunk: Trunk) -> Sequence[str]:
        """Where its requests go."""
        host = trunk.next_hop.host
        return (host,) if is_numeric(host) else await self.of_name(host)

    async def of_name(self, host: str) -> Sequence[str]:
        """The addresses of a name."""
        until_s, hosts = self._known.get(host, (0.0, ()))
        if until_s > clock.now_s():
            return hosts
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_DEADLINE_S):
                found = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
            hosts = tuple(dict.fromkeys(str(where[0]) for *_, where in found))
        except (OSError, TimeoutError):
            pass  # what was known before is better than nothing
        self._known[host] = (clock.now_s() + _KEPT_S, hosts)
        return hosts
