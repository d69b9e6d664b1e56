"""Which trunk a call comes by, from the address that it comes from. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from onhook.phone.message import Request
from onhook.phone.trunk import Trunk, is_numeric

DIGEST = "digest"
"""The entry of a trunk's inbound list by which its user may call from anywhere."""

Network = IPv4Network | IPv6Network
TrunkOf = Callable[[Request], str]
"""The name of the trunk whose registrar sent a request outside a dialog, empty for none; must be quick."""
_CACHED = 4096


class Origin(NamedTuple):
    """Where a call came from: by a trunk, or by none from a trusted peer."""

    trunk: Trunk | None = None


@dataclass(frozen=True, slots=True)
class TrunkSource:
    """One trunk and the numeric hosts that names of it lead to at present: of its proxy, of its list."""

    trunk: Trunk
    hosts: tuple[str, ...] = ()

    @property
    def networks(self) -> tuple[Network, ...]:
        """Whoever is in one of these calls by this trunk."""
        listed = (one for one in self.trunk.inbound if "/" in one or is_numeric(one))
        return tuple(ip_network(one) for one in (*listed, *self.hosts))

    @property
    def by_digest(self) -> bool:
        """Whether its user may call from anywhere, with the password."""
        return DIGEST in self.trunk.inbound and bool(self.trunk.digest_user and self.trunk.password)


@dataclass(frozen=True)
class InboundSources:
    """Every trunk as a source of calls, in the order in which they were made.

    Where networks of several hold an address, the smallest decides, and among equals the first trunk.
    """

    sources: Sequence[TrunkSource] = ()
    _find: Callable[[str], Trunk | None] = field(init=False, repr=False, compare=False)
    _by_user: Mapping[str, tuple[Trunk, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tables = [(source.trunk, source.networks) for source in self.sources]

        def find(host: str) -> Trunk | None:
            address = ip_address(host)
            fitting = [
                (-network.prefixlen, number)
                for number, (_, networks) in enumerate(tables)
                for network in networks
                if address in network
            ]
            return tables[min(fitting)[1]][0] if fitting else None

        users: dict[str, tuple[Trunk, ...]] = {}
        for source in self.sources:
            if source.by_digest:
                user = source.trunk.digest_user
                users[user] = (*users.get(user, ()), source.trunk)
        object.__setattr__(self, "_find", lru_cache(maxsize=_CACHED)(find))
        object.__setattr__(self, "_by_user", users)

    def at(self, host: str) -> Trunk | None:
        """The trunk that a numeric host belongs to; None if it belongs to none."""
        return self._find(plain_host(host))

    def named(self, name: str) -> Trunk | None:
        """The trunk of this name."""
        return next((one.trunk for one in self.sources if one.trunk.name == name), None)

    @property
    def by_digest(self) -> bool:
        """Whether anybody may call from anywhere, with a password."""
        return bool(self._by_user)

    def of_user(self, user: str) -> tuple[Trunk, ...]:
        """The trunks whose user this is and may call with the password."""
        return self._by_user.get(user, ())


@lru_cache(maxsize=_CACHED)
def plain_host(host: str) -> str:
    """A numeric host without its zone; an IPv4 address that came as IPv6 as itself (RFC 4291 2.5.5.2)."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)
