"""The unit that `onhook init` writes, booted by systemd: a call to its application, a reload, a reboot."""

import asyncio
import re
from pathlib import Path

import pytest

from acceptance.talking import PATIENCE_S, until
from deploy.booted import Booted
from deploy.calling import NUMBER
from deploy.image import Image
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.tones import speech_like
from ports import free_port

pytestmark = pytest.mark.slow

HERE = "/srv/shop"
READY = '"event": "ready"'


async def test_it_answers_is_reloaded_and_is_back_after_a_reboot(image: Image, disk: Path) -> None:
    onhook = image.mounted() / "opt/onhook"
    sip, http, told = (free_port() for _ in range(3))
    with Booted(disk, onhook) as machine:
        sysusers = ("deploy/systemd/onhook.sysusers", "/etc/sysusers.d/onhook.conf")
        machine.ran("install", "-D", "-m", "0644", *sysusers)
        machine.ran("systemd-sysusers")
        answers = ("--sip", f"127.0.0.1:{sip}", "--http", f"127.0.0.1:{http}", "--number", NUMBER)
        said = machine.ran(
            *("/opt/onhook/bin/onhook", "init", "--yes", HERE, "--data", f"{HERE}/data", *answers),
            *("--forward-to", f"http://127.0.0.1:{told}/"),
        )
        assert "does not work from here" not in said
        with (disk / f"{HERE}/onhook.toml".lstrip("/")).open("a") as settings:
            settings.write("shed_lag_ms = 0\n")
        machine.ran("chown", "-R", "onhook:", f"{HERE}/data")
        machine.ran("cp", f"{HERE}/onhook.service", "/etc/systemd/system/")
        for line in re.findall(
            r"systemctl [^;\n]+", machine.ran("head", "-3", f"{HERE}/onhook.service")
        ):
            machine.ran(*line.split())
        await a_call_is_answered(machine, sip)
        ready = machine.journal().count(READY)
        await asyncio.to_thread(machine.ran, "systemctl", "reload", "onhook")
        await until(lambda: machine.journal().count(READY) > ready, "another switch")
    with Booted(disk, onhook) as machine:
        assert machine.ran("systemctl", "is-active", "onhook") == "active\n"
        await a_call_is_answered(machine, sip)


async def a_call_is_answered(machine: Booted, sip: int) -> None:
    """By the application that was written, in a unit of its own; it is told the bill."""
    machine.ran("systemd-run", "--unit=shop", "/opt/onhook/bin/python3", f"{HERE}/application.py")
    told = ("journalctl", "--unit=shop", "--output=cat", "--no-pager")
    await until(lambda: "waiting for calls" in machine.ran(*told), "an application")
    async with Phone() as phone:
        call = await phone.call(NUMBER, server=("127.0.0.1", sip))
        await call.answered()
        await until(lambda: speech_like(call.recording.pcm()).voiced_s > 1, "a menu")
        await call.send_digits("7")
        assert (await call.ended(PATIENCE_S)).how is How.BYE_RECEIVED
    await until(lambda: "the call is over: SGD 0.020" in machine.ran(*told), "a bill")
