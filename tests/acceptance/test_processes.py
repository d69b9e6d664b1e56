"""The processes of a server: what is told of them, and what becomes of the others when one is killed."""

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from acceptance.asking import ask, heard
from acceptance.crashing import Phoenix, kill
from acceptance.files import FileServer, wav
from acceptance.harness import LASTING, Customer, Onhook
from acceptance.reload_command import seen
from acceptance.remains import Remains, descendants, links, memory
from acceptance.test_operator_commands import command
from acceptance.unbroken import first_difference, known, payloads
from briefly import slow_but
from onhook.cli.main import app
from onhook.server.occupancy import LOCK_FILE
from onhook.server.supervisor import status
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

ROLES = {"supervisor", "spare", *LASTING, "speech", "decoder", "encoder"}
RESTARTS = 20
_messages = count(1)


async def new_message_heard(customer: Customer) -> None:
    """A call that is told something new, to its end, and of which the application hears."""
    call, told = await customer.call()
    msg = f"This is message number {next(_messages)}."
    url = customer.receiver.url("/end")
    reply = await customer.hangup(told["session"], msg=msg, notify_url=url)
    assert reply["status"] == "success_ok", reply
    assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
    assert call.recording.heard_s > 0.5
    last = await customer.receiver.next(session=told["session"], call_state="ended", timeout_s=60)
    assert last["cause"] == "hangup"


async def status_twice(server: Onhook) -> tuple[str, list[dict[str, Any]], set[int]]:
    """What `status` prints, what it says to a program, and what runs below the server, while no process comes
    or goes."""
    told: list[dict[str, Any]] = []
    while True:
        table = await command(server, "status")
        below = await asyncio.to_thread(descendants, server.process.pid)
        before, told = told, json.loads(await command(server, "status", "--json"))["processes"]
        if [one["pid"] for one in before] == [one["pid"] for one in told]:
            return table, told, below


async def test_the_status_of_a_server_says_what_runs(customer: Customer) -> None:
    server = customer.server
    await new_message_heard(customer)
    table, told, below = await status_twice(server)
    by_role: dict[str, list[int]] = {}
    for one in told:
        by_role.setdefault(one["role"], []).append(one["pid"])
        assert datetime.fromisoformat(one["since"]) <= datetime.now(UTC)
    assert by_role["supervisor"] == [server.process.pid]
    assert all(len(by_role[role]) == 1 for role in LASTING)
    assert by_role["speech"]
    assert by_role.keys() <= ROLES
    pids = {pid for some in by_role.values() for pid in some}
    assert pids - {server.process.pid} <= below
    for one in told:
        assert one["role"] in table
        assert str(one["pid"]) in table


def test_where_no_server_runs_that_is_said(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["status", "--data", str(tmp_path)])
    assert ended.exit_code == 1
    assert ended.stderr.startswith("onhook: ")
    assert str(tmp_path) in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


async def test_what_stands_by_for_the_switch_has_nothing_of_a_call(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """Nor of the database, or of those before it, and no settings: some are secret."""
    server = shared(retry_schedule="0.2")
    customer = await Customer.make(server, receiver, phone)
    for _ in range(2):
        await new_message_heard(customer)
        await server.kill_role("switch")
    await new_message_heard(customer)
    held = sorted(target for _, target in links(server.pid("spare")))
    sockets = [each for each in held if each.startswith("socket:")]
    files = [each for each in held if each.startswith(f"{server.data.resolve()}/")]
    assert len(sockets) == 1, held
    assert files == [str(server.data.resolve() / LOCK_FILE)]
    assert not memory(server.pid("spare"))
    assert server.threads("spare") == 1


# One of them is killed -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", LASTING)
async def test_one_that_is_killed_is_started_again(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone, role: str
) -> None:
    """The others stay; soon calls are taken again, are heard, and told of."""
    server = shared(retry_schedule="0.2")
    customer = await Customer.make(server, receiver, phone)
    await new_message_heard(customer)
    before = {one["role"]: one["pid"] for one in server.processes()}
    pid = await server.kill_role(role)
    after = {one["role"]: one["pid"] for one in server.processes()}
    assert after[role] == pid != before[role]
    figures = await metrics(server)
    assert figures[f'onhook_process_restarts_total{{role="{role}"}}'] >= 1
    for one in {"supervisor", *LASTING}:
        assert figures[f'onhook_processes{{role="{one}"}}'] == 1
        assert figures[f'onhook_process_resident_bytes{{role="{one}"}}'] > 1_000_000
    for other in {"supervisor", *LASTING} - {role}:
        assert after[other] == before[other]
    await new_message_heard(customer)
    await only_those_that_are_told_of(server)


async def metrics(server: Onhook) -> dict[str, float]:
    """What ``/metrics`` tells, by name and labels."""
    page = (await ask(server, "GET", path="/metrics")).body.decode()
    told = (line.rpartition(" ") for line in page.splitlines() if line[:1] != "#")
    return {name: float(value) for name, _, value in told}


async def test_one_that_speaks_is_started_again_when_it_is_needed(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(shared(retry_schedule="0.2"), receiver, phone)
    await new_message_heard(customer)
    struck = await customer.server.strike("speech")
    assert struck
    await new_message_heard(customer)
    assert not set(struck) & set(customer.server.pids())


async def only_those_that_are_told_of(server: Onhook) -> None:
    """Nothing is left of processes that belonged to one that was killed."""
    async with asyncio.timeout(60):
        while descendants(server.process.pid) != set(server.pids()) - {server.process.pid}:
            await asyncio.sleep(0.05)


async def test_each_line_of_the_log_says_whose_it_is(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = shared(retry_schedule="0.2")
    await new_message_heard(await Customer.make(server, receiver, phone))
    await server.kill_role(LASTING[-1])
    roles = {json.loads(line)["role"] for line in server.log.splitlines()}
    assert {"supervisor", "switch"} <= roles <= ROLES


# All of them end -------------------------------------------------------------------------------------


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal; whoever types has the first, and may close it."""
    person, programs = pty.openpty()
    try:
        yield person, programs
    finally:
        os.close(programs)
        try:
            os.close(person)
        except OSError:
            return  # it was closed


def told_to_end(server: Onhook, _: int) -> None:
    server.process.terminate()


def killed(server: Onhook, _: int) -> None:
    server.process.kill()


def interrupted(_: Onhook, person: int) -> None:
    """The terminal sends SIGINT to all processes of the group."""
    os.write(person, b"\x03")


def without_a_terminal(_: Onhook, person: int) -> None:
    os.close(person)


@pytest.mark.parametrize(
    "end",
    slow_but([killed, without_a_terminal], [told_to_end, killed, interrupted, without_a_terminal]),
)
async def test_nothing_is_left_of_a_server_that_ended(
    end: Callable[[Onhook, int], None], receiver: Receiver, phone: Phone
) -> None:
    """Not after an orderly end, nor after any other; whatever had been killed before."""
    with terminal() as (person, programs):
        server = await asyncio.to_thread(Onhook, {"retry_schedule": "0.2"}, terminal=programs)
        try:
            customer = await Customer.make(server, receiver, phone)
            await new_message_heard(customer)
            before = Remains.of(server)
            for role in LASTING:
                await server.kill_role(role)
            await new_message_heard(customer)
            remains = Remains.of(server)
            end(server, person)
            status = await server.stopped()
            await remains.are_gone()
            await before.are_gone()
        finally:
            server.close()
    assert status == (-signal.SIGKILL if end is killed else 0)


@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)])
async def test_closed_streams_are_not_taken_for_others(
    closed: tuple[int, ...], tmp_path: Path
) -> None:
    """What is opened first would have their numbers, and the log would be written into the lock."""
    closing = " ".join(f"{number}>&-" for number in closed)
    serve = f"exec {sys.executable} -m onhook serve --http 127.0.0.1:0 --sip 127.0.0.1:0 {closing}"
    process = await asyncio.create_subprocess_shell(
        f"{serve} --data {tmp_path}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        while not (running := await status_of(tmp_path, process)):
            await asyncio.sleep(0.05)
        for one in running:
            streams = [Path(f"/proc/{one['pid']}/fd/{number}") for number in range(3)]
            assert {str(each.readlink()) for each in streams} == {os.devnull}, one["role"]
    finally:
        process.terminate()
    assert await process.wait() == 0


async def test_a_server_that_ends_loses_no_call_with_its_switch(
    receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """The last words are under way when it is told to end, and its switch dies: the next ends the call."""
    server = await asyncio.to_thread(Onhook, {"drain_s": "60"})
    try:
        customer = await Customer.make(server, receiver, phone)
        call, told = await customer.call()
        message = known(12)
        msg = f"<url>{files.serve('last.wav', wav(message))}</url>"
        await customer.block("end/hangup", told["session"], msg=msg)
        await heard(call, 25)
        server.process.send_signal(signal.SIGTERM)
        await seen(server, "draining")
        await server.strike("switch")
        assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
        assert await server.stopped() == 0
        assert first_difference(payloads(call.recording.packets), message) is None
        last = await receiver.next(session=told["session"], call_state="ended")
        assert (last["ended_by"], last["cause"]) == ("application", "hangup")
        assert call.complaints == []
    finally:
        server.close()


async def status_of(data: Path, process: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    """The processes of a server that was started; none, while it is not there yet."""
    assert process.returncode is None
    try:
        return await asyncio.to_thread(status.ask, data)
    except status.NobodyThere:
        return []


@pytest.mark.slow
async def test_one_that_was_killed_is_followed_at_once_on_its_ports() -> None:
    """Whatever its processes held is free by then, every time."""
    phoenix = Phoenix()
    try:
        for _ in range(RESTARTS):
            before = phoenix.server
            await kill(before)
            after = await asyncio.to_thread(phoenix.again)
            assert (after.url, after.sip) == (before.url, before.sip)
            assert await after.is_ready()
    finally:
        phoenix.server.close()
