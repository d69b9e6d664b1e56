"""Hundreds of callers who listen while a server loses its processes.

A test phone that talks and listens takes about a hundredth of a core: 500 of them would take all of a machine
for themselves, and be late. These callers are silent: SIPp places their calls, and one program in C reads all
their audio, and counts sequence numbers. The application asks for each of them, again and again.
"""

import asyncio
from contextlib import ExitStack
from itertools import count
from typing import Any, Self

from bench.load import Callers, Load, Sink, callers, sink
from bench.rig import OUT, raise_file_limit

from acceptance.lasting import FRAME_MS, Lost, World
from acceptance.lasting_lives import SHORT_S, says
from onhook.cli import accounts
from onhook.testing.receiver import Notification

RATE = 50
"""Calls a second."""
LISTENS_S = 6.0
"""How long each message is: then comes the next request."""
LONGEST_S = 3600.0
COMES_S = 60.0
SEEN_S = 3.0
"""What stands still is seen by what comes within this."""
STILL_S = 1.0
SILENT = {"silence_s": "0"}
"""Settings of a server that does not ask who says nothing."""
_NUMBERS = count(32_000_001)
_CALLER = "+6590000{}"
"""Who calls, as the scenario has it."""


class Crowd:
    """Callers who listen. Within ``async with`` all of them do, until they are to leave."""

    def __init__(self, world: World, callers: int) -> None:
        self._world = world
        self._callers = callers
        self._stack = ExitStack()
        self._over = False
        self._listeners: list[asyncio.Future[None]] = []
        self._skipped = 0
        self._sink: Sink
        self._sipp: Callers

    async def __aenter__(self) -> Self:
        OUT.mkdir(exist_ok=True)
        raise_file_limit()
        number = await self._number()
        with ExitStack() as stack:
            self._sink = stack.enter_context(sink(LONGEST_S))
            self._sipp = stack.enter_context(callers(self._load(number)))
            begun = (self._begins(_CALLER.format(at + 1)) for at in range(self._callers))
            there = await asyncio.gather(*begun)
            self._stack = stack.pop_all()
        self._skipped = await self._world.skipped()
        self._sink.begin()
        for told in there:
            life = self._world.lived("listening", self._listens(told))
            self._listeners.append(asyncio.ensure_future(life))
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._listeners:
            one.cancel()
        await asyncio.gather(*self._listeners, return_exceptions=True)
        await asyncio.to_thread(self._stack.close)

    async def leave(self) -> None:
        """What they heard is counted, and then they are hung up."""
        if not self._listeners:
            return
        await asyncio.sleep(SEEN_S)
        self._sink.finish()
        heard = await asyncio.to_thread(self._sink.told)
        skipped = await self._world.skipped() - self._skipped
        self._sink.begin()
        await asyncio.sleep(STILL_S)
        self._sink.finish()
        still = await asyncio.to_thread(self._sink.told)
        self._over = True
        await asyncio.gather(*self._listeners)
        outcome = await asyncio.to_thread(self._sipp.result)
        self._count(heard, skipped, min(still["streams"], outcome.ok))

    def _count(self, heard: dict[str, Any], skipped: int, left: int) -> None:
        losses = self._world.losses
        losses.packets += heard["packets"]
        print(
            f"{self._callers} listened for {heard['window_s']:.0f} s to {heard['packets']} packets, gap p99 "
            f"{heard['gap_p99_ms']} ms, max {heard['gap_max_ms']} ms, stood still for "
            f"{heard['stood_max_ms']} ms; the plane left {skipped} rounds out"
        )
        if heard["lost"]:
            losses.note("packets_lost", "numbers that whoever listened never saw", heard["lost"])
        stood_ms = heard["stood_max_ms"] - FRAME_MS * skipped
        if stood_ms > FRAME_MS:
            lost = round(stood_ms / FRAME_MS)
            losses.note("packets_lost", f"{stood_ms:.0f} ms of standing still", lost)
        if (others := heard["streams"] - self._callers) > 0:
            losses.note("packets_lost", f"{others} other sources of audio", others)
        if heard["kernel_drops"]:
            losses.trouble.append(f"{heard['kernel_drops']} packets dropped by who listens itself")
        if (gone := self._callers - left) > 0:
            losses.note("calls_lost", f"{gone} of {self._callers} who listened", gone)

    def _load(self, number: str) -> Load:
        return Load(
            "server_bye",
            self._world.customer.server.sip,
            number,
            self._sink.port,
            RATE,
            self._callers,
            hold_s=LONGEST_S,
            wait_s=LONGEST_S,
        )

    async def _number(self) -> str:
        customer, number = self._world.customer, f"+65{next(_NUMBERS)}"
        where = customer.server.settings.get("database_url", "")
        url = self._world.url("listening")
        await accounts.add_number(
            customer.server.data, number, customer.app_id, url, database_url=where
        )
        return number

    async def _begins(self, caller: str) -> Notification:
        """A call that is answered, and has heard something."""
        told = await self._world.told(caller, COMES_S, call_state="ringing")
        await self._hears(told, SHORT_S)
        return told

    async def _listens(self, told: Notification) -> None:
        await self._world.moment(LISTENS_S)  # or all of them would ask at once
        while not self._over:
            await self._hears(told, LISTENS_S)
        await self._asks("end/hangup", told)
        last = await self._world.told(told["txn_ref"], call_state="ended")
        if (last["cause"], last["ended_by"]) != ("hangup", "application"):
            raise Lost(f"one who listened: {last['cause']}")

    async def _hears(self, told: Notification, seconds: float) -> None:
        await self._asks("middle/play", told, msg=says(self._world, seconds))
        await self._world.told(told["txn_ref"], ivr_block="play")

    async def _asks(self, path: str, told: Notification, **params: str) -> None:
        url = self._world.url(path)
        await self._world.ask(f"ivr/{path}", session=told["session"], notify_url=url, **params)
