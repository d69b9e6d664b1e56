"""Finds the servers of trunks, keeps what was found, and knows which of them were not there.

What was found holds for as long as its TTL says. When no name server answers, what was known of a target is
used for up to a day longer (RFC 8767): calls go on while DNS is in trouble.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random, SystemRandom

import structlog

from onhook.phone.addresses import Address
from onhook.phone.locating import plan
from onhook.phone.locating.dns import DnsNames
from onhook.phone.locating.names import Names, NamesUnavailable
from onhook.phone.locating.plan import Plan, Rank
from onhook.phone.locating.resting import Resting
from onhook.phone.locating.target import Target, of_trunk
from onhook.phone.trunk import Trunk

log = structlog.get_logger()

DEADLINE_S = 6.0
STALE_S = 86400.0
MAX_KEPT = 256

OnFound = Callable[[tuple[Address, ...]], None]
"""Hears the servers of a target in the order to be tried; none if there are none, or they cannot be known."""


def anywhere(host: str) -> int | None:
    """Every address is as good as another."""
    return 0


@dataclass(frozen=True, slots=True)
class _Kept:
    plan: Plan
    until_s: float
    stale_s: float
    """Until then it is used if nobody says anything better."""


class Locator:
    """Where trunks are. Belongs to one event loop, which it needs only for names.

    `rank` says how gladly a numeric host is sent to, None if it cannot be. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        names: Names | None = None,
        *,
        rank: Rank = anywhere,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
        chance: Random | None = None,
    ) -> None:
        self._names = names or DnsNames()
        self._rank = rank
        self._deadline_s = deadline_s
        self._clock = clock
        self._chance = chance or SystemRandom()
        self._kept: dict[Target, _Kept] = {}
        self._waiting: dict[Target, list[OnFound]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting = Resting(clock)

    def servers_of(self, trunk: Trunk) -> tuple[Address, ...] | None:
        """The servers of a trunk, if nobody has to be asked."""
        return self.known(of_trunk(trunk))

    def known(self, target: Target) -> tuple[Address, ...] | None:
        """The servers of a target, if nobody has to be asked; None if somebody has."""
        if target.is_numeric:
            return self._in_order(plan.numeric(target))
        kept = self._kept.get(target)
        return self._in_order(kept.plan) if kept and kept.until_s > self._clock() else None

    def locate(self, target: Target, on_found: OnFound) -> None:
        """Find the servers of a target. `on_found` is called at once if they are known, else later."""
        known = self.known(target)
        if known is not None:
            on_found(known)
            return
        waiting = self._waiting.setdefault(target, [])
        waiting.append(on_found)
        if len(waiting) == 1:
            task = asyncio.get_running_loop().create_task(self._find(target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def located(self, target: Target) -> tuple[Address, ...]:
        """The servers of a target, for whoever can wait."""
        heard: asyncio.Future[tuple[Address, ...]] = asyncio.get_running_loop().create_future()

        def found(addresses: tuple[Address, ...]) -> None:
            if not heard.done():
                heard.set_result(addresses)

        self.locate(target, found)
        return await heard

    def failed(self, address: Address, retry_after_s: float | None = None) -> None:
        """This server was not there: no connection, no answer in time, or 503. It is tried last now."""
        if not self._resting.rests(address):
            log.info("sip_server_resting", host=address[0], port=address[1])
        self._resting.failed(address, retry_after_s)

    def answered(self, address: Address) -> None:
        """This server is there."""
        self._resting.answered(address)

    def close(self) -> None:
        """Nobody waits any more."""
        for task in self._tasks:
            task.cancel()
        self._waiting.clear()

    async def _find(self, target: Target) -> None:
        found: Plan | None = None
        try:
            found = await self._found(target)
        except Exception:  # the root of the task: who waits for it has to hear something
            log.exception("sip_locating_failed", host=target.host)
        addresses = self._in_order(found) if found else ()
        for on_found in self._waiting.pop(target, ()):
            try:
                on_found(addresses)
            except Exception:  # the root of what a call does with its servers
                log.exception("sip_located_failed")

    async def _found(self, target: Target) -> Plan | None:
        before = self._kept.get(target)
        found: Plan | None = None
        why = "no address"
        try:
            async with asyncio.timeout(self._deadline_s):
                found = await plan.find(target, self._names, self._rank)
        except (NamesUnavailable, TimeoutError) as error:
            why = str(error) or "no name server answered in time"
        unsure = found is None or not found.certain
        now_s = self._clock()
        if unsure and before and before.stale_s > now_s:
            log.warning("sip_trunk_names_stale", host=target.host, error=why)
            self._keep(target, _Kept(before.plan, now_s + plan.DOUBTFUL_S, before.stale_s))
            return before.plan
        if found is None or not found.groups:
            log.warning("sip_trunk_not_found", host=target.host, error=why)
            return None
        until_s = now_s + found.ttl_s
        self._keep(target, _Kept(found, until_s, until_s + STALE_S if found.certain else until_s))
        return found

    def _keep(self, target: Target, kept: _Kept) -> None:
        self._kept.pop(target, None)
        self._kept[target] = kept
        while len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]

    def _in_order(self, found: Plan) -> tuple[Address, ...]:
        return self._resting.last(found.in_order(self._chance))
