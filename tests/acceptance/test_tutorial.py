"""The tutorial, typed as it stands: to the first call, what is looked at after it, and a trunk."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from acceptance.newcomer import NUMBER, ROOT, Newcomer, listening, typed_in_shell
from onhook.testing.phone import Phone
from onhook.testing.tones import speech_like
from pages.reading import blocks
from ports import free_port

pytestmark = pytest.mark.slow

PAGE: Final = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
[PROGRAM] = blocks(PAGE, "python")
SIMULATE: Final = "onhook simulate "


@asynccontextmanager
async def running(newcomer: Newcomer, api: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    """The application of the page."""
    shop = newcomer.home / "shop.py"
    shop.write_text(newcomer.program(PROGRAM, api))
    one = await asyncio.create_subprocess_exec(
        sys.executable,
        "shop.py",
        cwd=newcomer.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        await listening(newcomer.forward_port)
        yield one
    finally:
        one.kill()
        await one.wait()


async def test_from_nothing_to_a_call_and_a_trunk(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    lines = [line for line in typed_in_shell(PAGE) if not line.startswith(SIMULATE)]
    before = next(at for at, line in enumerate(lines) if line.startswith("onhook number add")) + 1
    try:
        for line in lines[:before]:
            await asyncio.to_thread(newcomer.type, line)
        await call_the_shop(newcomer)
        printed = {line: await asyncio.to_thread(newcomer.type, line) for line in lines[before:]}
        assert len(printed) > 12
        assert NUMBER in printed["onhook calls list"]
        assert "carrier" in printed["onhook trunk list"]
        [only] = json.loads(await asyncio.to_thread(newcomer.type, "onhook number list --json"))
        assert (only["number"], only["format"]) == (NUMBER, "form")
    finally:
        if newcomer.server is not None:
            newcomer.server.close()


async def call_the_shop(newcomer: Newcomer) -> None:
    """Presses 1, and is hung up; the application prints what the page says."""
    assert newcomer.server is not None
    async with running(newcomer) as shop, Phone() as phone:
        call = await phone.call(NUMBER, server=("127.0.0.1", newcomer.server.sip[1]))
        await call.answered()
        await call.send_digits("1")
        await call.ended(timeout_s=60)
        assert speech_like(call.recording.pcm()).voiced_s > 0.5
        assert shop.stdout is not None
        said = "".join([(await shop.stdout.readline()).decode() for _ in range(3)])
    [shown] = re.findall(r"`shop\.py` prints\n\n((?:    .*\n)+)", PAGE)
    assert said == shown.replace("    ", "")


async def test_the_same_in_the_simulator(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    newcomer.made = {"app_id": "a" * 16, "access_token": "b" * 16}
    port = free_port()
    newcomer.variables = {
        "ONHOOK_API": f"http://127.0.0.1:{port}",
        "APP_ID": newcomer.made["app_id"],
        "ACCESS_TOKEN": newcomer.made["access_token"],
    }
    [line] = [line for line in typed_in_shell(PAGE) if line.startswith(SIMULATE)]
    async with running(newcomer, newcomer.variables["ONHOOK_API"]):
        said = await asyncio.to_thread(newcomer.type, line, "1\n")
    assert 'hears "Welcome. Press 1 for our opening hours."' in said
    assert "from nine to six" in said
