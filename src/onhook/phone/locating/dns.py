"""Asks name servers, by dnspython: NAPTR, SRV, A and AAAA, with their TTL.

Which ones is read from /etc/resolv.conf, again when that changes, unless they are given. A name of
/etc/hosts, and `localhost`, are asked of nobody. A host that the servers of /etc/resolv.conf do not know is
looked up by the system too, which has search domains and more.
"""

import asyncio
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from onhook.phone.addresses import Address
from onhook.phone.locating.hosts import KEPT_S, HostsFile, by_the_system
from onhook.phone.locating.names import Found, NamesUnavailable, Naptr, Srv

RESOLV_CONF = Path("/etc/resolv.conf")
TRY_S = 1.0
ANSWER_S = 2.5
"""A name server has this long for one try, and all of them this long for one question."""
ABSENT_S = 60.0
"""What is not there is asked for again after this, unless the answer says when (RFC 2308 5)."""
LONGEST_S = 86400.0

T = TypeVar("T")


class DnsNames:
    """Asks name servers (`Names`). Belongs to one event loop; holds no socket between questions."""

    def __init__(self, servers: Sequence[Address] = (), *, hosts: HostsFile | None = None) -> None:
        self._servers = tuple(servers)
        self._hosts = hosts or HostsFile()
        self._resolver: Any = None
        self._read_at: int | None = None

    async def naptr(self, name: str) -> Found[Naptr]:
        """The NAPTR records of a domain."""
        return await self._asked(
            name,
            "NAPTR",
            lambda record: Naptr(
                record.order,
                record.preference,
                _text(record.flags).lower(),
                _text(record.service).upper(),
                _text(record.regexp),
                record.replacement.to_text(omit_final_dot=True),
            ),
        )

    async def srv(self, name: str) -> Found[Srv]:
        """The SRV records of a service."""
        return await self._asked(
            name,
            "SRV",
            lambda record: Srv(
                record.priority,
                record.weight,
                record.port,
                record.target.to_text(omit_final_dot=True).removesuffix("."),
            ),
        )

    async def hosts(self, name: str) -> Found[str]:
        """The addresses of a host."""
        if own := self._hosts.addresses(name):
            return Found(own, KEPT_S)
        kinds = ("AAAA", "A")
        asked = [self._asked(name, kind, lambda record: str(record.address)) for kind in kinds]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, NamesUnavailable):
                raise answer
        found = [answer for answer in answers if isinstance(answer, Found)]
        records = tuple(address for answer in found for address in answer.records)
        if records:
            return Found(records, min(answer.ttl_s for answer in found))
        return await self._of_the_system(name, unanswered=len(found) < len(kinds))

    async def _of_the_system(self, name: str, *, unanswered: bool) -> Found[str]:
        """What is left where DNS has nothing; a system that asks other servers than ours is not asked."""
        try:
            found = () if self._servers else await by_the_system(name)
        except OSError as error:
            raise NamesUnavailable(str(error)) from error
        if not found and unanswered:
            raise NamesUnavailable("no name server answered")
        return Found(found, KEPT_S)

    async def _asked(self, name: str, kind: str, read: Callable[[Any], T]) -> Found[T]:
        if self._hosts.addresses(_domain_of(name)):
            return Found((), KEPT_S)
        if self._resolver is None:
            await asyncio.to_thread(importlib.import_module, "dns.asyncresolver")
        import dns.asyncresolver
        import dns.exception
        import dns.name
        import dns.resolver

        try:
            qname = dns.name.from_text(name)
            answer = await self._current().resolve(qname, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            chain = error.response(qname).resolve_chaining()  # which dnspython has made before
            return Found((), _absent_s(chain))
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise NamesUnavailable(f"{kind}: {type(error).__name__}") from error
        if answer.rrset is None:
            return Found((), _absent_s(answer.chaining_result))
        ttl_s = min(float(answer.chaining_result.minimum_ttl), LONGEST_S)
        return Found(tuple(map(read, answer.rrset)), ttl_s)

    def _current(self) -> Any:
        """The resolver with the servers of now."""
        import dns.asyncresolver
        import dns.nameserver

        version = None if self._servers else _version(RESOLV_CONF)
        if self._resolver is None or version != self._read_at:
            resolver: Any
            if self._servers:
                resolver = dns.asyncresolver.Resolver(configure=False)
                resolver.nameservers = [
                    dns.nameserver.Do53Nameserver(host, port) for host, port in self._servers
                ]
            else:
                resolver = dns.asyncresolver.Resolver(filename=str(RESOLV_CONF))
            resolver.timeout, resolver.lifetime = TRY_S, ANSWER_S
            self._resolver, self._read_at = resolver, version
        return self._resolver


def _domain_of(name: str) -> str:
    """What a service is of: `example.com` of `_sip._udp.example.com`."""
    labels = name.split(".")
    while labels and labels[0].startswith("_"):
        labels.pop(0)
    return ".".join(labels)


def _text(data: bytes) -> str:
    return data.decode("ascii", "replace")


def _absent_s(chain: Any) -> float:
    """For how long it holds that something is not there; a day of it would keep a trunk that moves away."""
    return min(float(chain.minimum_ttl), ABSENT_S)


def _version(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
