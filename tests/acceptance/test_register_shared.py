"""Of several servers on one database one registers a trunk, and another when that one is gone."""

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acceptance.harness import Onhook
from acceptance.registrar import registrar
from onhook.cli import trunks
from store.postgresql import PostgreSQL


@pytest.fixture
def start(postgresql: PostgreSQL) -> Iterator[Callable[[str], Onhook]]:
    """Starts workers on a database that they share; each has a data directory, with one key."""
    started: list[Onhook] = []
    url = postgresql.new_database()

    def start_one(worker: str) -> Onhook:
        data = Path(tempfile.mkdtemp(prefix="onhook-"))
        if started:
            shutil.copy(started[0].data / "secret.key", data)
        settings = {"database_url": url, "lease_s": "6", "worker": worker}
        started.append(Onhook(settings, data))
        return started[-1]

    yield start_one
    for one in started:
        one.close()


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_one_registers_and_another_takes_over(
    start: Callable[[str], Onhook], end: signal.Signals
) -> None:
    first, second = start("a"), start("b")
    ports = {first.sip[1]: first, second.sip[1]: second}
    async with registrar(grants_s=2) as at:
        given: dict[str, Any] = {"register": True, "username": at.username, "password": at.password}
        url = first.settings["database_url"]
        await trunks.add(first.data, trunks.Given("carrier", f"127.0.0.1:{at.port}", **given), url)
        user = await at.registered()
        holder = at.bindings[user]
        await at.until("refreshes", lambda: len(at.registers()) > 6)
        assert {where for where in at.seen if where} == {holder}
        ports[int(holder.rpartition(":")[2])].process.send_signal(end)
        await at.until("another one", lambda: at.bindings.get(user) not in (None, holder))
        assert len(at.bindings) == 1
        other = at.bindings[user]
        seen = len(at.registers())
        await at.until("its refreshes", lambda: len(at.registers()) > seen + 2)
        assert at.bindings == {user: other}
