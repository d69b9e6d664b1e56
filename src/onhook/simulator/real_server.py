"""`onhook serve` for tests: in a data directory of its own, with an application and a trunk to our phones."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Final

from sqlalchemy import select

from onhook.administration import applications, numbers, trunks
from onhook.simulator.books import noted, set_credit
from onhook.store import CallRecord, Keyring, Store, schema
from onhook.store.reports import CallReport, call_report
from onhook.store.seal import keyring_of
from onhook.store.traces import Entry, read_trace

_READY_S: Final = 120.0
_ENDS_S: Final = 30.0


class ServerFailed(Exception):
    """The server did not start; the message holds its log."""


class RealServer:
    """Prepare it, start it, and read what it writes."""

    store: Store
    keyring: Keyring

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self.data = Path(tempfile.mkdtemp(prefix="onhook-tested-"))

    def remove(self) -> None:
        """Its data."""
        shutil.rmtree(self.data, ignore_errors=True)

    async def prepare(self, stack: AsyncExitStack, phones: tuple[str, int]) -> None:
        """What it finds when it starts: an application, and a trunk that leads to these phones."""
        self.store = store = await Store.open(self.data)
        stack.push_async_callback(store.close)
        self.keyring = await keyring_of(store, self.data)
        made = await applications.create(store, self.keyring, noted, "tested", currency="SGD")
        self.app_id, self.access_token = made["app_id"], made["access_token"]
        proxy = f"{phones[0]}:{phones[1]}"
        await trunks.add(store, self.keyring, noted, "phones", {"proxy": proxy})

    def start(self, stack: ExitStack) -> None:
        """Runs until the stack is closed. Raises ServerFailed."""
        settings = {
            "http": "127.0.0.1:0",
            "sip": "127.0.0.1:0",
            "rtp_ports": "20000-59999",
            "data": str(self.data),
            "allowed_networks": "127.0.0.0/8",
            "shed_lag_ms": "0",
            "max_calls": "0",
            "trace_private": "true",
            **self._settings,
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ONHOOK_")}
        own = {f"ONHOOK_{name.upper()}": value for name, value in settings.items()}
        path = self.data / "serve.log"
        log = stack.enter_context(path.open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", "onhook", "serve"],
            env={**inherited, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        stack.callback(_end, process)
        stuck = threading.Timer(_READY_S, process.kill)
        stuck.start()
        assert process.stdout is not None
        line = process.stdout.readline()
        stuck.cancel()
        if not line.startswith("onhook ready "):
            raise ServerFailed(f"the server did not start:\n{path.read_text(errors='replace')}")
        where = dict(part.split("=", 1) for part in line.split()[2:])
        self.url = f"http://{where['http']}"
        host, _, port = where["sip"].rpartition(":")
        self.sip = (host, int(port))

    async def give(self, number: str, forward_to: str) -> None:
        """Calls to a number are told there."""
        if await self.store.number(number) is not None:
            await numbers.remove(self.store, self.keyring, noted, number)
        await numbers.add(self.store, self.keyring, noted, number, self.app_id, forward_to)

    async def credit(self, amount: str | None) -> None:
        """What the account has; None: it pays afterwards."""
        await set_credit(self.store, amount)

    async def calls(self) -> Sequence[CallRecord]:
        """Every call, the oldest first."""
        table = schema.calls
        return await self.store.records(CallRecord, select(table).order_by(table.c.began_ms))

    async def report(self, session: str) -> CallReport | None:
        """What is on disk of a call."""
        return await call_report(self.store, session)

    def trace(self, session: str) -> Sequence[Entry]:
        """What was kept of what passed. Blocks."""
        return read_trace(self.data, session)


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_ENDS_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
