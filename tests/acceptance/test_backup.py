"""A backup that is made while calls go on, and a server that goes on from it elsewhere."""

import asyncio
import json
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from acceptance.asking import rows
from acceptance.harness import Customer, Onhook
from acceptance.talking import until
from acceptance.test_operator_commands import command, run
from acceptance.test_record import fetched
from cli.terminal import on_terminal
from onhook.cli.main import app
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver


async def recorded(customer: Customer) -> str:
    """The link to a recording of a call that is over."""
    call, told = await customer.call()
    await customer.block("middle/record", told["session"], max_duration="1")
    done = await customer.receiver.next(ivr_block="record", timeout_s=30)
    link = done["record_url"]
    assert len(await fetched(link)) > 1000
    await customer.hangup(told["session"])
    await call.ended()
    return link


async def test_a_server_goes_on_elsewhere_from_a_backup(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, tmp_path: Path
) -> None:
    server = start()
    customer = await Customer.make(server, receiver, phone)
    link = await recorded(customer)
    backed_up = asyncio.Event()

    async def take_once_it_is(_: Notification) -> None:
        await backed_up.wait()

    def came(webhook_id: str) -> int:
        return [one.headers["webhook-id"] for one in receiver.notifications].count(webhook_id)

    receiver.handler = take_once_it_is
    call, told = await customer.call()  # goes on meanwhile
    file = tmp_path / "onhook.tar"
    made = json.loads(await command(server, "backup", str(file), "--json"))
    assert made["bytes"] == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        assert {"onhook.db", "secret.key"} < set(archive.getnames())
    ended = await asyncio.to_thread(run, server, "backup", str(file))
    assert "is there already" in ended.stderr
    backed_up.set()
    await call.cancel()

    elsewhere = tmp_path / "elsewhere"
    restored = await asyncio.to_thread(on_terminal, 80, elsewhere, "restore", str(file))
    assert "is as it was backed up" in restored
    before = came(told.headers["webhook-id"])
    again = Onhook(server.settings, elsewhere)
    try:
        assert again.url != server.url
        path = link[link.index("/recordings/") :]
        assert len(await fetched(again.url + path)) > 1000
        customer.server = again
        # The backup does not know that this was taken.
        await until(lambda: came(told.headers["webhook-id"]) > before, "what it takes for untaken")
        call, told = await customer.call()
        assert (await customer.hangup(told["session"]))["status"] == "success_ok"
        assert (await call.ended()).code == 603
        refused = await asyncio.to_thread(run, again, "restore", str(file))
        assert "is in use by another server" in refused.stderr
    finally:
        again.close()


async def test_what_was_there_is_moved_aside(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, tmp_path: Path
) -> None:
    server = start()
    await Customer.make(server, receiver, phone)
    file = tmp_path / "onhook.tar"
    await command(server, "backup", str(file), "--no-recordings")
    assert await asyncio.to_thread(server.stop) == 0
    await command(server, "app", "create", "later")
    asked = await asyncio.to_thread(
        on_terminal, 80, server.data, "restore", str(file), typed="n\n", status=1
    )
    assert "will be moved aside" in asked
    assert len(rows(server, "SELECT name FROM applications")) == 2
    told = json.loads(await command(server, "restore", str(file), "--json"))
    assert len(rows(server, "SELECT name FROM applications")) == 1
    with sqlite3.connect(Path(told["aside"]) / "onhook.db") as before:
        assert before.execute("SELECT count(*) FROM applications").fetchone() == (2,)
    before.close()


@pytest.mark.parametrize("kind", ["none", "noise", "foreign", "escaping", "damaged"])
def test_what_is_no_backup_takes_nobodys_place(tmp_path: Path, kind: str) -> None:
    file, data = tmp_path / "onhook.tar", tmp_path / "data"
    if kind == "noise":
        file.write_bytes(b"x" * 10_000)
    elif kind != "none":
        name = {"escaping": "../secret.key", "foreign": "readme.txt"}.get(kind, "onhook.db")
        content = tmp_path / "content"
        content.write_bytes(b"x" * 10_000)
        with tarfile.open(file, "w") as archive:
            archive.add(content, name)
            archive.add(content, "secret.key")
    ended = CliRunner().invoke(app, ["restore", str(file), "--data", str(data)])
    assert ended.exit_code == 1
    assert len(ended.stderr.splitlines()) == 1
    assert not (data / "secret.key").exists()
    assert not (tmp_path / "secret.key").exists()
