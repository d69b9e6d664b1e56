"""/healthz tells the truth: which part does not work, since when, and that it works again."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from acceptance.asking import ask
from acceptance.harness import Customer, Onhook
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from store.postgresql import PostgreSQL


async def healthz(server: Onhook) -> tuple[int, Mapping[str, Any]]:
    answer = await ask(server, "GET", path="/healthz")
    return answer.http_status, answer.json


async def becomes(server: Onhook, status: str) -> Mapping[str, Any]:
    """Waits until that is what it says."""
    async with asyncio.timeout(60):
        while (found := await healthz(server))[1]["status"] != status:
            await asyncio.sleep(0.1)
    assert found[0] == (200 if status == "ready" else 503)
    return found[1]


@contextmanager
def stopped(database: PostgreSQL) -> Iterator[None]:
    database.stop()
    yield
    database.start()


@contextmanager
def frozen(database: PostgreSQL) -> Iterator[None]:
    """It takes connections, and says nothing: as behind a network that is gone."""
    [accepting, *_] = database.pids()
    os.kill(accepting, signal.SIGSTOP)
    while Path(f"/proc/{accepting}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)
    pids = database.pids()  # now there will be no more of them
    for pid in pids:
        with contextlib.suppress(
            ProcessLookupError
        ):  # one that had ended when it was to be stopped
            os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("dead", [stopped, frozen])
async def test_a_dead_database_is_told_and_turns_new_calls_away_for_later(
    dead: Callable[[PostgreSQL], Any], receiver: Receiver, phone: Phone
) -> None:
    with PostgreSQL() as database:
        server = Onhook({"database_url": database.new_database(), "lease_s": "60"})
        try:
            customer = await Customer.make(server, receiver, phone)
            await becomes(server, "ready")
            before = datetime.now(UTC)
            with dead(database):
                found = await becomes(server, "degraded")
                [part] = found["degraded"]
                assert part["part"] == "database"
                assert part["detail"]
                since = datetime.fromisoformat(part["since"])
                assert before.replace(microsecond=0) <= since <= datetime.now(UTC)
                call = await phone.call(customer.number, server=server.sip)
                ended = await call.ended()
                assert (ended.how, ended.code) == (How.REJECTED, 503)
                [refusal] = call.log.received(503)
                assert refusal.message.header("Retry-After") == "10"
                assert (await healthz(server))[1]["degraded"][0]["since"] == part["since"]
            assert await becomes(server, "ready") == {"status": "ready"}
            assert '"event": "degraded"' in server.log
            assert '"event": "works_again"' in server.log
            call, told = await customer.call()
            assert await customer.hangup(told["session"]) == {"status": "success_ok"}
            await call.ended()
        finally:
            server.close()


async def test_a_database_that_was_deleted_is_told(start: Callable[..., Onhook]) -> None:
    server = start()
    await becomes(server, "ready")
    database = server.data / "onhook.db"
    database.rename(server.data / "elsewhere")
    [part] = (await becomes(server, "degraded"))["degraded"]
    assert (part["part"], "onhook.db" in part["detail"]) == ("data", True)
    shutil.copy(server.data / "elsewhere", database)  # a copy is not the one
    await becomes(server, "degraded")
    await asyncio.to_thread((server.data / "elsewhere").replace, database)
    await becomes(server, "ready")


async def test_a_server_that_is_to_stop_says_so(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(drain_s="60")
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    server.process.send_signal(signal.SIGTERM)
    assert await becomes(server, "draining") == {"status": "draining"}
    await customer.hangup(told["session"])
    await call.ended()
    assert await server.stopped() == 0


def test_what_is_said_is_json() -> None:
    from onhook.server.health import Failing, report

    body, status = report(True, (Failing("disk", 1_700_000_000_000, "full"),))
    assert (status, json.loads(json.dumps(body))) == (
        503,
        {
            "status": "draining",
            "degraded": [{"part": "disk", "since": "2023-11-14T22:13:20+00:00", "detail": "full"}],
        },
    )
