"""Other settings, or another version, take over a server that goes on: `onhook reload`."""

import asyncio
import http.client
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import onhook
from acceptance.asking import OK, ask, heard
from acceptance.files import BEEP, FileServer, wav
from acceptance.harness import LASTING, Customer, Onhook
from acceptance.reload_command import reload, reloaded, seen
from acceptance.test_processes import new_message_heard
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import tone

ORIGIN = "https://shop.example.com"
RELOADS = 5
LONGER = wav(tone(600, 240_000))
"""Plays on while a busy machine reloads twice."""


def pids(server: Onhook) -> dict[str, int]:
    """Of those that are always there."""
    lasting = {"supervisor", "spare", *LASTING}
    return {one["role"]: one["pid"] for one in server.processes() if one["role"] in lasting}


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[tuple[Onhook, Path]]:
    """A server with a file of settings."""
    file = tmp_path / "onhook.toml"
    file.write_text('retry_schedule = "0.2"\n')
    server = Onhook({"config": str(file)})
    yield server, file
    server.close()


async def allowed_origin(server: Onhook) -> str | None:
    answer = await ask(server, "GET", headers={"Origin": ORIGIN})
    return answer.headers.get("access-control-allow-origin")


async def test_settings_are_read_anew_and_the_rest_goes_on(
    configured: tuple[Onhook, Path], receiver: Receiver, phone: Phone
) -> None:
    server, file = configured
    customer = await Customer.make(server, receiver, phone)
    await new_message_heard(customer)
    assert await allowed_origin(server) is None
    before = pids(server)
    file.write_text(f'retry_schedule = "0.2"\ncors_origins = "{ORIGIN}"\n')
    status, printed = await reload(server)
    assert status == 0, printed
    assert await allowed_origin(server) == ORIGIN
    after = pids(server)
    for role in ("supervisor", "plane", "deliveries"):
        assert after[role] == before[role]
    for role in ("switch", "spare"):
        assert after[role] != before[role]
    await new_message_heard(customer)
    logged = [json.loads(line) for line in server.log.splitlines()]
    assert not [line for line in logged if line["event"] == "process_died"]
    pid = await server.kill_role("switch")
    assert pid != after["switch"]
    assert await allowed_origin(server) == ORIGIN, "the next one has them too"


async def test_calls_go_on(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """One that plays, and one of which a digit is known already."""
    server = shared(retry_schedule="0.2")
    customer = await Customer.make(server, receiver, phone)
    playing, told = await customer.call()
    msg = f"<url>{files.serve('longer.wav', LONGER)}</url>"
    await customer.block("middle/play", told["session"], msg=msg)
    await heard(playing, 20)
    typing, told_typing = await customer.call()
    await customer.block("middle/gather", told_typing["session"], max_digits="3", timeout="600")
    await typing.answered()
    for digit in "12":
        await typing.send_digits(digit)
        status, printed = await reload(server)
        assert status == 0, printed
    await typing.send_digits("3")
    told_end = await receiver.next(session=told_typing["session"], ivr_block="gather", timeout_s=60)
    assert told_end["digits"] == "123"
    await heard(playing, len(playing.recording.audio) + 20, timeout_s=60)
    for session, call in ((told["session"], playing), (told_typing["session"], typing)):
        url = receiver.url("/end")
        assert await customer.hangup(session, force="enabled", notify_url=url) == OK
        assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
        last = await receiver.next(session=session, call_state="ended", timeout_s=60)
        assert last["cause"] == "forced_hangup"
    logged = [json.loads(line) for line in server.log.splitlines()]
    assert not [line for line in logged if line["event"] == "calls_recovered"]


async def test_what_delivers_is_begun_anew_where_its_settings_are_others(
    configured: tuple[Onhook, Path], receiver: Receiver, phone: Phone
) -> None:
    server, file = configured
    customer = await Customer.make(server, receiver, phone)
    before = server.pid("deliveries")
    file.write_text('retry_schedule = "0.3"\n')
    status, printed = await reload(server)
    assert status == 0, printed
    async with asyncio.timeout(60):
        while server.pids("deliveries") in ([], [before]):
            await asyncio.sleep(0.02)
    await new_message_heard(customer)


async def test_another_version_takes_over(tmp_path: Path) -> None:
    """It is on the disk when the reload begins, in the place of the one that runs."""
    server = Onhook(environment={"PYTHONPATH": str(tmp_path)})
    try:
        before = server.pid("deliveries")
        (tmp_path / "sitecustomize.py").write_text("import onhook; onhook.__version__ = '9.9'")
        status, printed = await reload(server, PYTHONPATH=str(tmp_path))
        assert (status, printed) == (0, "onhook 9.9 has taken over.\n")
        ready = [
            line for line in map(json.loads, server.log.splitlines()) if line["event"] == "ready"
        ]
        assert [line["version"] for line in ready] == [onhook.__version__, "9.9"]
        async with asyncio.timeout(60):
            while server.pids("deliveries") in ([], [before]):
                await asyncio.sleep(0.02)
    finally:
        server.close()


UNUSABLE = {
    "idle_s = 'nonsense'": "idle_s",
    "idel_s = 5": "did you mean idle_s?",
    "silence_s = 31": "cannot change --silence-s",
    "worker = 'another'": "cannot change --worker",
    "sip_cert = 'none.pem'": "none.pem",
}


async def test_settings_that_cannot_be_used_change_nothing(
    configured: tuple[Onhook, Path],
) -> None:
    server, file = configured
    before = pids(server)
    for written, says in UNUSABLE.items():
        file.write_text(f'retry_schedule = "0.2"\n{written}\n')
        status, printed = await reload(server)
        assert status == 1, written
        assert says in printed
        assert len(printed.splitlines()) == 1
        assert pids(server) == before
    assert await server.is_ready()


async def test_a_switch_that_cannot_begin_with_them_is_followed_by_one_that_can(
    configured: tuple[Onhook, Path], tmp_path: Path
) -> None:
    """The command cannot know everything that a switch finds out as it begins."""
    server, file = configured
    (tmp_path / "voices").write_text("no directory")
    file.write_text(f'cors_origins = "{ORIGIN}"\nvoices_dir = "{tmp_path / "voices"}"\n')
    status, printed = await reload(server)
    assert status == 1
    assert "--voices-dir" in printed
    assert "as before" in printed
    async with asyncio.timeout(60):
        while not await server.is_ready():
            await asyncio.sleep(0.02)
    assert await allowed_origin(server) is None
    file.write_text(f'cors_origins = "{ORIGIN}"\n')
    status, printed = await reload(server)
    assert status == 0, printed
    assert await allowed_origin(server) == ORIGIN


async def test_a_database_that_would_have_to_be_changed_is_not(
    configured: tuple[Onhook, Path],
) -> None:
    server, _ = configured
    before = pids(server)
    with sqlite3.connect(server.data / "onhook.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    status, printed = await reload(server)
    assert status == 1
    assert "has to change the database first (from version 0001" in printed
    assert pids(server) == before


def test_where_no_server_runs_that_is_said(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from onhook.cli.main import app

    ended = CliRunner().invoke(app, ["reload", "--data", str(tmp_path)])
    assert ended.exit_code == 1
    assert str(tmp_path) in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


async def test_no_request_is_refused_meanwhile(
    shared: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """Over connections that are kept, and over new ones."""
    server = shared(retry_schedule="0.2")
    await Customer.make(server, receiver, phone)
    over = asyncio.Event()
    answered = await asyncio.gather(
        *(asyncio.to_thread(_ask_on, server, over, kept=True) for _ in range(4)),
        *(asyncio.to_thread(_ask_on, server, over, kept=False) for _ in range(2)),
        _reload_often(server, over),
    )
    assert all(count > RELOADS for count in answered[:-1])


async def test_nobody_waits_for_the_message_of_somebody_else(
    receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """A request whose file is slow is answered before the switch hands over; meanwhile others are."""
    server = await asyncio.to_thread(Onhook, {"prepare_s": "60"})
    try:
        customer = await Customer.make(server, receiver, phone)
        call, told = await customer.call()
        may_be_there, url = files.hold("slow.wav"), files.serve("slow.wav", BEEP)
        slow = asyncio.ensure_future(customer.hangup(told["session"], msg=f"<url>{url}</url>"))
        await files.asked_for("slow.wav")
        reloading = asyncio.ensure_future(reloaded(server))
        await seen(server, "requests_awaited")
        assert (await customer.post("user/get_balance"))["status"] == "success_ok"
        assert not slow.done()
        may_be_there.set()
        assert await slow == OK
        await reloading
        assert (await call.ended()).how is How.BYE_RECEIVED
    finally:
        server.close()


async def _reload_often(server: Onhook, over: asyncio.Event) -> int:
    try:
        for _ in range(RELOADS):
            status, printed = await reload(server)
            assert status == 0, printed
    finally:
        over.set()
    return RELOADS


def _ask_on(server: Onhook, over: asyncio.Event, *, kept: bool) -> int:
    """Asks again and again; a connection that is kept and lost raises. How often it was answered."""
    where = urlsplit(server.url)
    answered = 0
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    connection.connect()
    connection.auto_open = 0 if kept else 1
    while not over.is_set():
        connection.request("GET", "/open/ivr/end/hangup?session=S1")
        reply = connection.getresponse()
        assert json.loads(reply.read())["status"].startswith("error_"), reply.status
        answered += 1
        if not kept:
            connection.close()
    connection.close()
    return answered
