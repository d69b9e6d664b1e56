"""One server that goes on while its processes are killed at random moments, and forty calls with it; or some
hundreds more, who listen.

What was lost is seen from outside: by phones, which count packets and listen; by the application, which reads
what it is told; and by the database, whose money has to add up.
"""

import asyncio
import os
import random
import secrets
import signal
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import asyncpg

from acceptance import lasting_audit
from acceptance.files import FileServer
from acceptance.harness import Callee, Customer, Onhook, free_port, lay_trunk
from acceptance.lasting import PATIENCE_S, Losses, World, phones_of_every_kind
from acceptance.lasting_crowd import SILENT, Crowd
from acceptance.lasting_lives import LIVES, new_words
from acceptance.survival import TRUSTED
from acceptance.test_calls_by_trunk import PASSWORD, USER
from acceptance.test_operator_commands import run
from onhook.cli import trunks
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from phone.authority import Authority

CALLS = 40
BETWEEN_S = (1.0, 3.0)
"""From one kill to the next."""
KILLED_IN_THE_START = 0.2
"""How many kills come when they come, also in the middle of taking over, but never two in a row. The others
wait until requests are answered: who dies in its start each time is started less and less often."""
RAMP_S = 6.0
"""Within which the calls begin,"""
CALLS_A_SECOND = 10
"""unless there are more of them."""
ROLES = ("switch", "plane", "deliveries", "speech")
KEEPS_SOUND = {"switch": True, "deliveries": True, "speech": True, "pause": True}
"""What may be killed without a packet that is missing; where the plane is, sound is over for a moment."""
CHOICES = (*ROLES, "two", "both", "pause")
"""What is killed: one of a role, or two of different roles at once, or switch and plane at once; or the
switch stands still, and lives."""
PAUSE_S = 0.4
LOOK_S = 0.05
SETTLE_S = 90.0


class LastingRig:
    """A server to be killed and everybody around it. Use it with ``async with``."""

    def __init__(
        self,
        seed: int,
        role: str = "switch",
        *,
        calls: int = CALLS,
        listening: int = 0,
        database_url: str = "",
        settings: Mapping[str, str] | None = None,
        ways: Sequence[str] = (),
    ) -> None:
        self.losses = Losses()
        self._role, self._calls, self._ways, self._listening = role, calls, ways, listening
        self._ramp_s = max(RAMP_S, calls / CALLS_A_SECOND)
        self._random = random.Random(seed)
        self._lives = (*LIVES, new_words) if role in ("speech", "two") else LIVES
        self._stopping = False
        self._settings = {
            "retry_schedule": "0.2,0.5",
            "max_calls": "0",
            "status_rate_limit": "0",
            "sip": "127.0.0.1:0,tls:127.0.0.1:0",
            # As an operator's, below those that the system gives away: of a call that has no audio yet
            # the port is nobody's between two switches.
            "rtp_ports": "20000-32767",
            "trusted_peers": ",".join(f"{host}/32" for host in TRUSTED),
            **({"database_url": database_url} if database_url else {}),
            **(SILENT if listening else {}),
            **(settings or {}),
        }
        self._stack = AsyncExitStack()
        self.kept = Path(tempfile.gettempdir()) / f"onhook-lost-{secrets.token_hex(4)}"
        """What is known of calls in which something was lost; made for the first of them."""
        self.server: Onhook
        self._world: World

    async def __aenter__(self) -> Self:
        enter = self._stack.enter_async_context
        authority = Authority(Path(tempfile.mkdtemp(prefix="onhook-lasting-")))
        issued = authority.issue("onhook.test")
        files = {"sip_cert": issued.certificate, "sip_key": issued.key}
        self.server = await asyncio.to_thread(
            Onhook,
            {**self._settings, **files},
            environment={
                "SSL_CERT_FILE": authority.file
            },  # the exchange's is one that everybody trusts
        )
        self._stack.callback(self.server.close)
        branch = trunks.Given(
            "branch", "127.0.0.7:5060", inbound="digest", username=USER, password=PASSWORD
        )
        await trunks.add(self.server.data, branch, self._settings.get("database_url", ""))
        line = await asyncio.to_thread(lay_trunk, self.server)
        phones = await enter(phones_of_every_kind(self.server, authority))
        receiver = await enter(Receiver(port=free_port()))
        callee = await enter(Phone(port=line.port))
        files_served = await enter(FileServer())
        customer = await Customer.make(self.server, receiver, phones["udp"])
        self._world = World(
            customer,
            Callee(callee, line),
            files_served,
            {way: one for way, one in phones.items() if not self._ways or way in self._ways},
            self._random,
            self.kept,
            self.losses,
            KEEPS_SOUND.get(self._role, False),
        )
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.aclose()

    async def run(self, kills: int) -> Losses:
        """So many kills, then the calls come to their ends, and the books are closed."""
        watching = asyncio.ensure_future(self._watch_the_clock())
        crowd = Crowd(self._world, self._listening)
        if self._listening:
            await self._stack.enter_async_context(crowd)
        slots = [asyncio.ensure_future(self._slot(at)) for at in range(self._calls)]
        await asyncio.sleep(self._ramp_s)
        probes: list[asyncio.Future[None]] = []
        in_the_start = False
        for _ in range(kills):
            await asyncio.sleep(self._random.uniform(*BETWEEN_S))
            in_the_start = not in_the_start and self._random.random() < KILLED_IN_THE_START
            if not in_the_start:
                await asyncio.gather(*probes)
            self.losses.at_hand.append(self._world.at_hand + self._listening)
            await self._strike()
            probes.append(asyncio.ensure_future(self._until_answered(time.monotonic())))
            self.losses.progress()
        await asyncio.gather(*probes)
        await crowd.leave()
        self._stopping = True
        await asyncio.gather(*slots)
        watching.cancel()
        await lasting_audit.settle(self._rows, self._world, SETTLE_S)
        await lasting_audit.audit(self._rows, self._world)
        await self._keep_traces()
        return self.losses

    async def _keep_traces(self) -> None:
        """What the server knows of the calls in which something was lost: its database ends with it."""
        for session in self.losses.sessions:
            ended = await asyncio.to_thread(run, self.server, "calls", "trace", session)
            said = [line for line in self.server.log.splitlines() if session in line]
            text = "\n".join([ended.stdout, ended.stderr, *said])
            self._world.keep(f"trace-{session}", text)
        if self.losses.sessions:
            print(f"what is known of them: {self.kept}")

    async def _watch_the_clock(self) -> None:
        """How late we are ourselves: what is seen by whoever is late says little of the server."""
        while True:
            due_s = time.monotonic() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self.losses.late_s.append(max(0.0, time.monotonic() - due_s))

    async def _slot(self, number: int) -> None:
        """One call after the other."""
        await asyncio.sleep(number * self._ramp_s / self._calls)
        while not self._stopping:
            life = self._random.choice(self._lives)
            await self._world.lived(life.__name__, life(self._world), 4 * PATIENCE_S)
            await self._world.clear()

    async def _strike(self) -> None:
        if self._role == "pause":
            [switch] = self.server.pids("switch")
            os.kill(switch, signal.SIGSTOP)
            await asyncio.sleep(PAUSE_S)
            os.kill(switch, signal.SIGCONT)
            self.losses.kills["pause"] += 1
            return
        chosen = {"two": self._random.sample(ROLES, 2), "both": ["switch", "plane"]}
        roles = chosen.get(self._role, [self._role])
        struck = await asyncio.gather(*(self._strike_one(role) for role in roles))
        self.losses.kills[" and ".join(sorted(roles))] += any(struck)

    async def _strike_one(self, role: str) -> bool:
        """Whether there was a process of this role to be killed; those that always run are waited for."""
        until_s = time.monotonic() + PATIENCE_S
        self.losses.died_s.setdefault(role, []).append(time.monotonic())
        while not (struck := await self.server.strike(role)):
            if role == "speech":
                return False
            assert time.monotonic() < until_s, (
                f"there is no {role} any more\n{self.server.log[-3000:]}"
            )
            await asyncio.sleep(0.02)
        return bool(struck)

    async def _until_answered(self, since_s: float) -> None:
        """From the kill until a request is answered that asks the database."""
        await self._world.ask("user/get_balance")
        self.losses.answered_s.append(time.monotonic() - since_s)

    async def _rows(self, query: str) -> Sequence[Sequence[Any]]:
        """What a query finds in the database of the server, whichever it is."""
        url = self._settings.get("database_url", "")
        if url:
            connection = await asyncpg.connect(url)
            try:
                return [tuple(row) for row in await connection.fetch(query)]
            finally:
                await connection.close()
        database = sqlite3.connect(self.server.data / "onhook.db", timeout=30)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()
