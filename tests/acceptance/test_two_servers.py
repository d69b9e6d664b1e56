"""Two servers under one name on one database: never do both answer for the same calls."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acceptance.asking import OK
from acceptance.crashing import kill, terminal_ids, the_end
from acceptance.files import LONG, FileServer
from acceptance.harness import READY_S, Customer, Onhook
from acceptance.talking import PATIENCE_S
from onhook.cli.opening import opened_store
from onhook.store import CallRecord
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Receiver
from store.postgresql import PostgreSQL


@pytest.fixture
def start(postgresql: PostgreSQL) -> Iterator[Callable[..., Onhook]]:
    """Starts servers on a database that they share; each has a data directory, with one key."""
    started: list[Onhook] = []
    url = postgresql.new_database()

    def start_one(data: Path | None = None, **settings: str) -> Onhook:
        if data is None:
            data = Path(tempfile.mkdtemp(prefix="onhook-"))
            if started:
                shutil.copy(started[0].data / "secret.key", data)
        started.append(Onhook({"database_url": url, "lease_s": "1", **settings}, data))
        return started[-1]

    yield start_one
    for one in started:
        one.close()


async def stored(server: Onhook, session: str) -> CallRecord:
    async with opened_store(server.data, server.settings["database_url"]) as store:
        found = await store.call(session)
    assert found is not None
    return found


async def hung_up(server: Onhook, session: str) -> CallRecord:
    """What is stored of a call whose phone has said that it has hung up: nothing changes in it any more."""
    async with asyncio.timeout(PATIENCE_S):
        while (record := await stored(server, session)).dialog.left:
            await asyncio.sleep(0.02)
    return record


async def talking(customer: Customer, files: FileServer) -> tuple[PhoneCall, str]:
    """A call in the middle of its last message."""
    call, told = await customer.call()
    url = customer.receiver.url("/end")
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    await customer.hangup(told["session"], msg=msg, notify_url=url)
    await call.answered()
    return call, told["session"]


async def test_a_second_server_does_not_start_while_the_first_one_lives(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    first = await asyncio.to_thread(start, lease_s="12")  # it may stand still for most of them
    customer = await Customer.make(first, receiver, phone)
    call, told = await customer.call()
    session = told["session"]
    assert await customer.post("ivr/middle/hold", session=session) == OK
    await call.answered()
    data = Path(tempfile.mkdtemp(prefix="onhook-"))
    shutil.copy(first.data / "secret.key", data)
    second = await asyncio.to_thread(_serve, first.settings["database_url"], data)
    assert second.returncode == 1
    [sentence] = [line for line in second.stderr.splitlines() if line.startswith("onhook: ")]
    assert f"process {first.process.pid})" in sentence
    assert "--worker" in sentence
    assert "lease_waited_for" in second.stderr
    assert "Traceback" not in second.stderr
    assert (await stored(first, session)).state != "ended"
    url = receiver.url("/end")
    assert await customer.hangup(session, force="enabled", notify_url=url) == OK
    await call.ended()
    last = await the_end(receiver, session)
    assert (last["ended_by"], last["cause"]) == ("application", "forced_hangup")
    assert await asyncio.to_thread(first.stop) == 0


def _serve(url: str, data: Path) -> subprocess.CompletedProcess[str]:
    ports = ["--http", "127.0.0.1:0", "--sip", "127.0.0.1:0", "--rtp-ports", "20000-59999"]
    where = ["--database-url", url, "--data", str(data), "--lease-s", "12"]
    return subprocess.run(
        [sys.executable, "-m", "onhook", "serve", *ports, *where],
        capture_output=True, text=True, timeout=READY_S, check=False,
    )  # fmt: skip


async def test_a_server_elsewhere_takes_over_from_one_that_is_dead(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    first = await asyncio.to_thread(start)
    customer = await Customer.make(first, receiver, phone)
    call, session = await talking(customer, files)
    await kill(first)
    second = await asyncio.to_thread(start)
    assert "lease_waited_for" in second.log
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert (await the_end(receiver, session))["cause"] == "crash"


async def test_a_restart_after_a_kill_waits_for_nobody(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """Its data directory is free, so whoever had the lease is dead, however long that still lasts."""
    first = await asyncio.to_thread(start, lease_s="3600")
    customer = await Customer.make(first, receiver, phone)
    call, session = await talking(customer, files)
    await kill(first)
    second = await asyncio.to_thread(start, first.data, lease_s="3600")
    assert "lease_waited_for" not in second.log
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert (await the_end(receiver, session))["cause"] == "crash"


@pytest.mark.slow
async def test_one_that_was_stopped_is_followed_at_once(start: Callable[..., Onhook]) -> None:
    first = await asyncio.to_thread(start, lease_s="3600")
    assert await asyncio.to_thread(first.stop) == 0
    second = await asyncio.to_thread(start, lease_s="3600")
    assert "lease_waited_for" not in second.log


@pytest.mark.slow
async def test_a_process_that_stood_still_writes_nothing_more_and_ends(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """Its machine was suspended for longer than a lease lasts, and comes back in the middle of a call."""
    first = await asyncio.to_thread(start)
    customer = await Customer.make(first, receiver, phone)
    call, session = await talking(customer, files)
    stopped = first.pids()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    second = await asyncio.to_thread(start)
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await the_end(receiver, session)
    record = await hung_up(second, session)
    assert (record.state, record.cause) == ("ended", "crash")
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    assert await first.stopped() == 1
    sentences = [line for line in first.log.splitlines() if line.startswith("onhook: ")]
    assert sentences == [
        "onhook: Another server has taken over the worker main; this one wrote nothing since, and "
        "ends. Give every server a --worker name of its own."
    ]
    assert await stored(second, session) == record
    assert terminal_ids(receiver) == {last.headers["webhook-id"]}
    _, told = await (await _moved(customer, second)).call()
    assert told["call_state"] == "ringing"


async def _moved(customer: Customer, server: Onhook) -> Customer:
    return Customer(
        server, customer.receiver, customer.phone, customer.number,
        customer.app_id, customer.access_token, customer.webhook_secret,
    )  # fmt: skip
