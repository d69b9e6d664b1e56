"""Which addresses belong to which trunk, as the operator changes trunks and name servers change addresses.

The names of a trunk are that of its proxy and those of its inbound list. What is found of them holds for as
long as the name server says, and beyond that while it does not answer (``phone.locating``). A trunk whose
names lead nowhere yet has its networks all the same.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from onhook.calls.trunks import WayOut
from onhook.phone.inbound.sources import DIGEST, InboundSources, TrunkSource
from onhook.phone.trunk import Trunk, is_numeric
from onhook.store import StoreError

log = structlog.get_logger()

EVERY_S = 1.0


class TrunkNames(Protocol):
    """Finds the numeric hosts of trunks; none, where a name leads nowhere or nobody knows."""

    async def of_proxy(self, trunk: Trunk) -> Sequence[str]:
        """Where its requests go, and so may come from."""

    async def of_name(self, host: str) -> Sequence[str]:
        """The servers and the addresses of a name."""


class InboundWatch:
    """Tells ``take`` of the sources of calls whenever they are others."""

    def __init__(
        self,
        ways_out: Callable[[], Awaitable[Iterable[WayOut]]],
        names: TrunkNames,
        take: Callable[[InboundSources], None],
    ) -> None:
        self._ways_out = ways_out
        self._names = names
        self._take = take
        self._told: tuple[TrunkSource, ...] = ()
        self._failing = False
        self._looked = asyncio.Event()

    async def looked(self, timeout_s: float) -> None:
        """Returns once it has looked, or after so long: a name server may be slow."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), timeout_s)

    async def run(self) -> None:
        """Looks every second, until it is cancelled."""
        while True:
            await self.look()
            self._looked.set()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Once. Where the store cannot be read, all stays as it was."""
        try:
            trunks = [way.trunk for way in await self._ways_out()]
        except (StoreError, SQLAlchemyError) as error:
            if not self._failing:
                log.warning("trunk_sources_not_read", error=type(error).__name__)
            self._failing = True
            return
        self._failing = False
        found = tuple(await asyncio.gather(*map(self._source, trunks)))
        if found != self._told:
            before, self._told = self._told, found
            self._take(InboundSources(found))
            _note(before, found)

    async def _source(self, trunk: Trunk) -> TrunkSource:
        names = [one for one in trunk.inbound if _is_name(one)]
        hosts = await asyncio.gather(
            self._names.of_proxy(trunk), *(self._names.of_name(name) for name in names)
        )
        return TrunkSource(trunk, tuple(sorted({host for some in hosts for host in some})))


def _note(before: Iterable[TrunkSource], now: Iterable[TrunkSource]) -> None:
    """Says from which trunks calls are taken otherwise than a moment ago, once that is so."""
    were, are = ({source.trunk.name: source for source in some} for some in (before, now))
    log.info(
        "trunk_sources_changed",
        trunks=sorted(name for name, source in are.items() if were.get(name) != source),
        gone=sorted(were.keys() - are),
    )


def _is_name(entry: str) -> bool:
    return entry != DIGEST and "/" not in entry and not is_numeric(entry)
