"""The servers of a target, as RFC 3263 4 finds them, and their order for one call (RFC 2782).

    a numeric host            the host, over the transport that was said, else UDP
    a name and a port         the addresses of the name, likewise
    a name and a transport    SRV of that transport; else of a NAPTR record for it; else the name itself
    a name alone              SRV of the NAPTR record that comes first; else whatever SRV there is, in the
                              order UDP, TCP, TLS; else the name itself, over UDP

A NAPTR record is followed where the transport was said too, if the domain has no SRV record of the usual
name: RFC 3263 4.2 would then try the name itself, which such a domain need not have.

An SRV record with "." for its target says that there is no such service: then the name itself is not tried.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from onhook.phone.addresses import Address
from onhook.phone.locating.names import Found, Names, NamesUnavailable, Naptr, Srv
from onhook.phone.locating.target import Target
from onhook.phone.trunk import Transport

MAX_RECORDS = 32
"""Of more SRV records the rest is not looked at, and of a host no more than 8 addresses."""
_MAX_ADDRESSES = 8
_SERVICES: dict[str, Transport] = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_PREFIXES: dict[Transport, str] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}

DOUBTFUL_S = 15.0
"""A plan that a question without an answer leaves in doubt holds no longer than this."""

T = TypeVar("T")
Rank = Callable[[str], int | None]
"""How gladly a numeric host is sent to, the least first; None if it cannot be at all (RFC 6724)."""


@dataclass(frozen=True, slots=True)
class Group:
    """The addresses of one host, which stand behind one SRV record, best first."""

    priority: int
    weight: int
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found of a target, and for how many seconds it holds."""

    groups: tuple[Group, ...]
    ttl_s: float
    certain: bool = True
    """False where a question was left unanswered that might have led elsewhere."""

    def in_order(self, chance: Random) -> tuple[Address, ...]:
        """The addresses in the order in which one call tries them."""
        ordered: list[Address] = []
        for priority in sorted({group.priority for group in self.groups}):
            same = [group for group in self.groups if group.priority == priority]
            for group in by_weight(same, chance):
                ordered += group.addresses
        return tuple(dict.fromkeys(ordered))


def by_weight(groups: Sequence[Group], chance: Random) -> list[Group]:
    """Groups of one priority as RFC 2782 draws them: those without a weight first, then by chance."""
    left = sorted(groups, key=lambda group: group.weight > 0)
    ordered: list[Group] = []
    while left:
        drawn = chance.randint(0, sum(group.weight for group in left))
        for group in left:
            drawn -= group.weight
            if drawn <= 0:
                break
        left.remove(group)
        ordered.append(group)
    return ordered


def numeric(target: Target) -> Plan:
    """The plan of a numeric host: nobody is asked."""
    return Plan((Group(0, 0, (target.at(target.host),)),), float("inf"))


async def find(target: Target, names: Names, rank: Rank) -> Plan:
    """The plan of a named host. Raises NamesUnavailable when that cannot be known.

    What may be needed is asked for at once: a name server that leaves one kind of question unanswered, as
    that of some routers does, costs no more than that.
    """
    finding = _Finding(target, names, rank)
    hosts = asyncio.ensure_future(names.hosts(target.host))
    try:
        plan = None
        if target.port is None:
            plan = await (finding.of_transport() if target.transport else finding.of_domain())
        return plan if plan is not None else finding.host_itself(await hosts)
    finally:
        hosts.cancel()
        await asyncio.gather(hosts, return_exceptions=True)


class _Finding:
    """One search, which notes how long what it learned on the way holds: also that a record is not there."""

    def __init__(self, target: Target, names: Names, rank: Rank) -> None:
        self._target = target
        self._names = names
        self._rank = rank
        self._ttl_s = float("inf")
        self._certain = True

    async def of_transport(self) -> Plan | None:
        """RFC 3263 4.2, for a transport that was said."""
        by = self._target.transport or "udp"
        usual, naptr = await asyncio.gather(
            self._srv(_PREFIXES[by] + self._target.host), self._naptr()
        )
        if usual:
            return await self._behind(usual, by)
        following = [record for record in naptr if _SERVICES[record.service] == by]
        return await self._follow(following)

    async def of_domain(self) -> Plan | None:
        """RFC 3263 4.1: the domain says by which transports it is reached."""
        asked = [self._srv(prefix + self._target.host) for prefix in _PREFIXES.values()]
        naptr, usual = await asyncio.gather(self._naptr(), asyncio.gather(*asked))
        plan = await self._follow(naptr)
        if plan is None:
            for by, records in zip(_PREFIXES, usual, strict=True):
                if records:
                    return await self._behind(records, by)
        return plan

    def host_itself(self, found: Found[str]) -> Plan:
        """The addresses of the name, at the port that was said or that of the transport."""
        self._ttl_s = min(self._ttl_s, found.ttl_s)
        return self._plan([self._group(Srv(0, 0, 0, ""), found, None)])

    async def _follow(self, naptr: Sequence[Naptr]) -> Plan | None:
        """The servers behind the first NAPTR record that leads to any SRV record."""
        for record in naptr:
            if found := await self._srv(record.replacement):
                return await self._behind(found, _SERVICES[record.service])
        return None

    async def _behind(self, records: Sequence[Srv], by: Transport) -> Plan:
        """The servers behind SRV records. One that cannot be found is left out, if another can."""
        named = [record for record in records if record.target and record.port][:MAX_RECORDS]
        groups: list[Group] = []
        unknown: NamesUnavailable | None = None
        asked = [self._names.hosts(record.target) for record in named]
        for record, answer in zip(
            named, await asyncio.gather(*asked, return_exceptions=True), strict=True
        ):
            if isinstance(answer, NamesUnavailable):
                unknown = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                self._ttl_s = min(self._ttl_s, answer.ttl_s)
                groups.append(self._group(record, answer, by))
        self._certain = self._certain and unknown is None
        if unknown and not any(group.addresses for group in groups):
            raise unknown
        return self._plan(groups)

    def _plan(self, groups: Sequence[Group]) -> Plan:
        kept = tuple(group for group in groups if group.addresses)
        return Plan(kept, self._ttl_s if self._certain else DOUBTFUL_S, certain=self._certain)

    def _group(self, record: Srv, found: Found[str], by: Transport | None) -> Group:
        ranked = [(rank, host) for host in found.records if (rank := self._rank(host)) is not None]
        hosts = [host for _, host in sorted(ranked, key=lambda pair: pair[0])][:_MAX_ADDRESSES]
        at = tuple(self._target.at(host, record.port or None, by) for host in hosts)
        return Group(record.priority, record.weight, at)

    async def _srv(self, name: str) -> tuple[Srv, ...]:
        return await self._asked(self._names.srv(name))

    async def _naptr(self) -> list[Naptr]:
        """The records that lead to SRV records of a transport of ours, best first (RFC 3263 4.1)."""
        fitting = [
            record
            for record in await self._asked(self._names.naptr(self._target.host))
            if record.flags == "s" and record.service in _SERVICES and not record.regexp
        ]
        return sorted(fitting, key=lambda record: (record.order, record.preference))

    async def _asked(self, question: Awaitable[Found[T]]) -> tuple[T, ...]:
        """What was found; nothing, with doubt, where nobody answered."""
        try:
            found = await question
        except NamesUnavailable:
            self._certain = False
            return ()
        self._ttl_s = min(self._ttl_s, found.ttl_s)
        return found.records
