"""The address that peers outside are told instead of our own, and when it changes.

A name and `auto` are looked at again every minute, for such addresses change. What nobody can tell any more
stays as it was: a name server that is out of order has not moved us.
"""

import asyncio
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import structlog

from onhook.phone.addresses import Address
from onhook.phone.locating.names import Names, NamesUnavailable
from onhook.phone.nat import local_networks
from onhook.phone.nat.given import AUTO as AUTO
from onhook.phone.nat.given import PublicAddress as PublicAddress
from onhook.phone.nat.given import Version
from onhook.phone.nat.given import public_addresses as public_addresses
from onhook.phone.nat.given import stun_server_of as stun_server_of
from onhook.phone.nat.local_networks import Network
from onhook.phone.nat.stun_client import mapped_address
from onhook.phone.trunks import checks

log = structlog.get_logger()

EVERY_S = 60.0


class OutsideView:
    """Which address of ours a peer outside is told. Belongs to one event loop, once it is refreshed.

    `given` may be empty: then everybody is told the address that we have. `inside` are the networks whose
    peers are told that too; without any, private networks and those of this machine's interfaces.
    `stun_server` is a host and a port, or None; `auto` needs one.
    """

    def __init__(
        self,
        given: Sequence[PublicAddress] = (),
        *,
        names: Names | None = None,
        inside: Sequence[Network] = (),
        stun_server: tuple[str, int] | None = None,
        stun_from: Sequence[str] = (),
    ) -> None:
        self._given = tuple(given)
        self._names = names
        self._inside = (*local_networks.LOOPBACK, *(inside or local_networks.default_networks()))
        self._stun_server = stun_server
        self._stun_from = tuple(stun_from)
        self._known: dict[Version, Address] = {
            each.version: (each.host, each.port or 0) for each in given if each.version
        }
        self._failing: set[str] = set()
        self.on_change: list[Callable[[], None]] = []
        """Called when an address has become another, or known: new calls and registrations say it."""

    @property
    def known(self) -> dict[Version, str]:
        """The public addresses of now, by family."""
        return {version: address[0] for version, address in self._known.items()}

    def host_for(self, peer: str) -> str:
        """The public address that a numeric peer is told; empty where it is told our own."""
        address = self._for(peer)
        return address[0] if address else ""

    def port_for(self, peer: str, ours: int) -> int:
        """The port of SIP that a numeric peer is told."""
        address = self._for(peer)
        return address[1] if address and address[1] else ours

    def is_inside(self, host: str) -> bool:
        """Whether a numeric host is in one of our networks."""
        address = ip_address(host.partition("%")[0])
        return any(address in network for network in self._inside)

    async def keep(self) -> None:
        """Looks again and again whether an address has changed; for as long as the process lives."""
        while any(each.version is None for each in self._given):
            await asyncio.sleep(EVERY_S)
            await self.refresh()

    async def refresh(self) -> None:
        """Look at what has to be looked up, once."""
        before = dict(self._known)
        for each in self._given:
            if each.version is None:
                await self._look_up(each)
        if self._known == before:
            return
        for version, address in self._known.items():
            if before.get(version) != address:
                was = before[version][0] if version in before else ""
                log.warning("public_address_changed", address=address[0], was=was)
        for changed in self.on_change:
            changed()

    async def _look_up(self, given: PublicAddress) -> None:
        try:
            hosts = await (self._by_stun() if given.host == AUTO else self._by_name(given.host))
        except (NamesUnavailable, OSError) as error:
            if given.host not in self._failing:
                self._failing.add(given.host)
                log.warning(
                    "public_address_not_found",
                    address=given.host,
                    error=str(error) or type(error).__name__,
                    known=sorted(self.known.values()),
                )
            return
        self._failing.discard(given.host)
        for host in hosts:
            version: Version = 6 if ":" in host else 4
            fixed = any(each.version == version for each in self._given)
            if not fixed:
                self._known[version] = (host, given.port or 0)

    async def _by_name(self, name: str) -> list[str]:
        """The first address of each family."""
        if self._names is None:
            raise NamesUnavailable("there is nobody to ask")
        found = (await self._names.hosts(name)).records
        if not found:
            raise NamesUnavailable("it has no address")
        firsts = {":" in host: host for host in reversed(found)}
        return list(firsts.values())

    async def _by_stun(self) -> list[str]:
        """What a STUN server sees, over each family that we and it have."""
        if self._stun_server is None:
            raise NamesUnavailable("there is no --stun-server")
        host, port = self._stun_server
        servers = [host] if checks.is_numeric(host) else await self._by_name(host)
        seen: list[str] = []
        failure: OSError = TimeoutError("no answer")
        for server in servers:
            version_6 = ":" in server
            ours = [each for each in self._stun_from if (":" in each) == version_6]
            if self._stun_from and not ours:
                continue
            bind = ours[0] if ours and ours[0] not in ("0.0.0.0", "::") else ""
            try:
                seen.append((await mapped_address((server, port), bind))[0])
            except OSError as error:
                failure = error
        if not seen:
            raise failure
        return seen

    def _for(self, peer: str) -> Address | None:
        if not self._given:
            return None
        numeric = checks.is_numeric(peer)
        if numeric and self.is_inside(peer):
            return None
        return self._known.get(6 if numeric and ":" in peer else 4)
