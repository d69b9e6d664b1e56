"""Who may call us, whom we can call, and by which address of ours a peer reaches us.

Both are asked for every message and answered from bounded caches; a stranger can make up addresses.
"""

import functools
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from onhook.phone.nat.public_address import OutsideView
from onhook.phone.transport import address_towards
from onhook.phone.trunk import is_numeric

_CACHED = 1024
_FAR_AWAY = "192.0.2.1"
"""An address that only the default route leads to (RFC 5737): stands in for a name."""


class Neighbours:
    """The trusted networks, and the address that peers are told.

    `contact_host` wins where it is set; a peer `outside` our networks is told our public address, if there
    is one; else it is the address `bound` by the socket, or for a wildcard the one that routes to the peer.
    """

    def __init__(
        self,
        trusted: Sequence[IPv4Network | IPv6Network],
        contact_host: str | None,
        outside: OutsideView | None = None,
    ) -> None:
        self._trusted = tuple(trusted)
        self._contact_host = contact_host
        self.bound = ""
        self._is_trunks: Callable[[str], bool] = lambda host: False
        self.trusts = functools.lru_cache(maxsize=_CACHED)(self._trusts)
        self._outside = outside or OutsideView()
        self._outside.on_change.append(self._changed)
        self.host_towards = functools.lru_cache(maxsize=_CACHED)(self._host_towards)
        self.on_change: list[Callable[[], None]] = [self.host_towards.cache_clear]
        """Called when peers are told another address than before."""

    def know(self, is_trunks: Callable[[str], bool]) -> None:
        """Hosts that are trunks' are trusted as well, from now on these."""
        self._is_trunks = is_trunks
        self.trusts.cache_clear()

    def _changed(self) -> None:
        for changed in self.on_change:
            changed()

    def _trusts(self, host: str) -> bool:
        address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._trusted) or self._is_trunks(host)

    def port_towards(self, peer: str, ours: int) -> int:
        """The port of SIP that a peer is told, of a listener at this one."""
        return ours if self._contact_host else self._outside.port_for(peer, ours)

    def _host_towards(self, peer: str, bound: str = "") -> str:
        """The address of a listener that is `bound` so, by default the first one."""
        if self._contact_host:
            return self._contact_host
        if public := self._outside.host_for(peer):
            return public
        bound = bound or self.bound
        if bound in ("0.0.0.0", "::"):
            return address_towards(peer if is_numeric(peer) else _FAR_AWAY)
        return bound
