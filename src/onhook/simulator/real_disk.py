"""What a real server writes of calls, for the phones that are in them."""

import asyncio
from collections.abc import Sequence
from typing import Final

from onhook.simulator.real_leg import RealLeg
from onhook.simulator.real_server import RealServer
from onhook.store.reports import CallReport

_READ_S: Final = 0.3
"""Between looks at the disk of the server, which writes a trace once a second."""


class ServerDisk:
    """Reads it again and again."""

    def __init__(self, server: RealServer) -> None:
        self._server = server
        self.legs: list[RealLeg] = []
        """The phones."""
        self.callers: dict[int, tuple[str, str]] = {}
        """Numbers called and calling, by the lines of those who call."""
        self.reports: dict[str, CallReport] = {}
        """What was written of each of their calls, by session."""
        self.known: set[str] = set()
        """Sessions that belong to somebody."""

    async def read(self) -> None:
        """Looks at its disk, and at the phones, again and again."""
        while True:
            legs = list(self.legs)
            for leg in legs:
                leg.look()
                leg.listen(legs)
            await self._bind([leg for leg in legs if not leg.line.session])
            for leg in legs:
                if session := leg.line.session:
                    report = await self._server.report(session)
                    if report is not None:
                        self.reports[session] = report
                    leg.played.update(await asyncio.to_thread(self._server.trace, session))
            await asyncio.sleep(_READ_S)

    async def _bind(self, unbound: Sequence[RealLeg]) -> None:
        """Which calls on disk are theirs; of whom a call was passed on to none is."""
        for record in await self._server.calls() if unbound else ():
            if record.session in self.known:
                continue
            incoming = record.direction == "in"
            numbers = (record.to_number, record.from_number)
            for leg in unbound:
                called = self.callers.get(leg.line.number)
                mine = called == numbers if incoming else record.dest_number == leg.line.name
                if mine and not leg.line.session and incoming == (called is not None):
                    leg.line.session = record.session
                    self.known.add(record.session)
                    break
