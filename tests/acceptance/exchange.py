"""An exchange that other people wrote, as a process: Asterisk 22, which ends calls in which it hears nothing.

It is Debian sid's, installed by ``scripts/asterisk/install.sh`` in a directory of its own. It needs root.
"""

import asyncio
import shutil
import sysconfig
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from acceptance.harness import Customer
from onhook.testing.receiver import Notification
from onhook.testing.sip_text import Address

SCRIPTS = Path(__file__).parents[2] / "scripts" / "asterisk"
CONFIGURATION = "/onhook/etc/asterisk.conf"
READY_S = 60.0
PATIENCE_S = 60.0
WAITS_S = 12
"""More than twice as long as the exchange goes on with a call from which nothing comes."""


class Exchange:
    """Asterisk at an address of its own; use it with ``async with``. Calls from it hum a tone.

    The files of the directory `role` beside its configuration stand in for those of the same name, with
    `places` filled in; `files` are copied beside them.
    """

    def __init__(
        self,
        root: Path,
        host: str,
        port: int,
        *,
        role: str = "",
        places: Mapping[str, str] | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> None:
        self.address: Address = (host, port)
        self._root = root
        self._role = role
        self._places = dict(places or {})
        self._files = dict(files or {})
        self._directory = Path(tempfile.mkdtemp(prefix="onhook-asterisk-"))
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        try:
            self._configure()
            self._process = await asyncio.create_subprocess_exec(
                SCRIPTS / "run.sh", self._root, self._directory, stdout=DEVNULL, stderr=DEVNULL
            )
            async with asyncio.timeout(READY_S):
                while "fully booted" not in await self.ask("core waitfullybooted"):
                    await asyncio.sleep(0.2)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the process, and remove its configuration."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def read(self, path: str) -> bytes:
        """A file of its own, by its absolute path. OSError if there is none."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/root{path}").read_bytes()

    async def call(self, uri: str) -> None:
        """It calls somebody, and hums once that is answered."""
        await self.ask(f"channel originate PJSIP/onhook/{uri} application Milliwatt")

    async def ask(self, command: str) -> str:
        """One line to its console, and what it says."""
        assert self._process is not None
        inside = [
            "nsenter",
            "--mount",
            "--target",
            str(self._process.pid),
            "chroot",
            str(self._root),
        ]
        asterisk = ["/usr/sbin/asterisk", "-C", CONFIGURATION, "-rx", command]
        asking = await asyncio.create_subprocess_exec(
            *inside, *asterisk, stdout=PIPE, stderr=DEVNULL
        )
        said, _ = await asking.communicate()
        return said.decode(errors="replace")

    def _configure(self) -> None:
        host, port = self.address
        places = {"@HOST@": host, "@PORT@": str(port), "@ARCH@": _architecture(), **self._places}
        for name, source in self._files.items():
            shutil.copy(source, self._directory / name)
        for file in (*SCRIPTS.glob("*.conf"), *(SCRIPTS / self._role).glob("*.conf")):
            text = file.read_text(encoding="utf-8")
            for name, value in places.items():
                text = text.replace(name, value)
            (self._directory / file.name).write_text(text, encoding="utf-8")


def _architecture() -> str:
    """Debian's name of it, as in /usr/lib/x86_64-linux-gnu."""
    return str(sysconfig.get_config_var("MULTIARCH"))


@dataclass(frozen=True, slots=True)
class Patience:
    """What came of one call of the exchange, in which nothing was to be heard for a while."""

    what: str
    state: str
    """Of the call, when the time was over."""
    ended_by: str

    @property
    def good(self) -> bool:
        """Whether the exchange waited, and it was the application that ended the call."""
        return (self.state, self.ended_by) == ("ongoing", "application")

    def __str__(self) -> str:
        verdict = "good" if self.good else "BAD "
        return (
            f"asterisk in {self.what:8}: {verdict}  {self.state} after {WAITS_S} s; hung up by the "
            f"{self.ended_by}"
        )


async def wait_in_every_way(exchange: Exchange, customer: Customer) -> list[Patience]:
    """The exchange calls once for each way to wait, and waits in all of them at once."""
    host, port = customer.server.sip
    sessions = []
    for _ in WAYS:
        await exchange.call(f"sip:{customer.number}@{host}:{port}")
        told = await customer.receiver.next(PATIENCE_S, call_state="ringing")
        sessions.append(told["session"])
    waiting = (_wait(customer, *one) for one in zip(WAYS, sessions, strict=True))
    return list(await asyncio.gather(*waiting))


async def _wait(customer: Customer, way: str, session: str) -> Patience:
    """It waits in one way, and is hung up."""
    try:
        over = await WAYS[way](customer, session)
        if over["call_state"] != "ongoing":
            return Patience(way, over["call_state"], over["ended_by"])
        await customer.block("end/hangup", session)
        last = await _told(customer, session, "hangup")
    except (AssertionError, TimeoutError):  # there is no such call any more
        return Patience(way, "ended", "exchange")
    return Patience(way, over["call_state"], last["ended_by"])


async def _told(customer: Customer, session: str, block: str) -> Notification:
    """What a block of a session came to."""
    return await customer.receiver.next(WAITS_S + PATIENCE_S, session=session, ivr_block=block)


async def _in_a_record(customer: Customer, session: str) -> Notification:
    await customer.block("middle/record", session, max_duration=str(WAITS_S))
    return await _told(customer, session, "record")


async def _in_a_gather(customer: Customer, session: str) -> Notification:
    """Without a word."""
    await customer.block("middle/gather", session, timeout=str(WAITS_S))
    return await _told(customer, session, "gather")


async def _between_blocks(customer: Customer, session: str) -> Notification:
    """The application thinks about what to say next."""
    await customer.block("middle/play", session, msg="One moment, please.")
    await _told(customer, session, "play")
    await asyncio.sleep(WAITS_S)
    await customer.block("middle/play", session, msg="Yes.")
    return await _told(customer, session, "play")


async def _on_hold(customer: Customer, session: str) -> Notification:
    """Music, and then nothing until the application goes on."""
    await customer.post("ivr/middle/hold", session=session)
    await asyncio.sleep(WAITS_S)
    await customer.block("middle/unhold", session)
    return await _told(customer, session, "unhold")


WAYS = {
    "a record": _in_a_record,
    "a gather": _in_a_gather,
    "a wait": _between_blocks,
    "a hold": _on_hold,
}
