"""What a name server answers, and who asks it."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

T = TypeVar("T", covariant=True)


class NamesUnavailable(Exception):
    """No name server could be asked, or none answered: it is not known whether there is such a name."""


@dataclass(frozen=True, slots=True)
class Srv:
    """One SRV record (RFC 2782). `target` is a name without its last dot; empty: there is no service."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Naptr:
    """One NAPTR record (RFC 3403 4.1); `service` in capitals, `flags` in small letters."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What was found, which may be nothing, and for how long that holds."""

    records: tuple[T, ...]
    ttl_s: float


class Names(Protocol):
    """Asks for records. All raise NamesUnavailable; a name that does not exist has no records."""

    async def naptr(self, name: str) -> Found[Naptr]:
        """The NAPTR records of a domain."""
        ...

    async def srv(self, name: str) -> Found[Srv]:
        """The SRV records of a service, for instance of `_sip._udp.example.com`."""
        ...

    async def hosts(self, name: str) -> Found[str]:
        """The numeric addresses of a host, of IPv4 and IPv6."""
        ...
