"""From an empty directory to the first call: `onhook init` answered, then the commands that it says."""

import asyncio
import os
import re
import shlex
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from acceptance.harness import READY_S, free_port
from acceptance.talking import PATIENCE_S, until
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.tones import speech_like

NUMBER = "+6531234567"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("ONHOOK_")},
    # A machine with ten servers on it may be late with the first call, and slow to speak.
    "ONHOOK_SHED_LAG_MS": "0",
    "ONHOOK_PREPARE_S": "60",
}


@asynccontextmanager
async def runs(command: Sequence[str], here: Path, says: str) -> AsyncIterator[list[str]]:
    """What somebody has typed, from the line on that it ``says``; the lines that it wrote so far."""
    with (here / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=here, env=ENVIRONMENT, stdout=PIPE, stderr=log
        )
    said: list[str] = []
    reading = asyncio.create_task(_read(process, said))
    try:
        async with asyncio.timeout(READY_S):
            while not any(line.startswith(says) for line in said):
                assert not reading.done(), (said, (here / "log").read_text())
                await asyncio.sleep(0.05)
        yield said
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


async def _read(process: Process, said: list[str]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        said.append(line.decode().rstrip("\n"))


async def hears(call: CallLeg, since_s: float) -> None:
    """Somebody has begun to speak since a moment."""
    await until(lambda: speech_like(call.recording.since(since_s).pcm()), "speech")


async def test_the_first_call_works(tmp_path: Path) -> None:
    sip, http, told = free_port(), free_port(), free_port()
    answers = f"127.0.0.1:{sip}\n\n127.0.0.1:{http}\n{NUMBER}\nhttp://127.0.0.1:{told}/\n"
    asked = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "onhook", "init"),
        cwd=tmp_path, env=ENVIRONMENT, stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    said, _ = await asked.communicate(answers.encode())
    assert asked.returncode == 0
    commands = re.findall(r"^    (.+)$", said.decode(), re.MULTILINE)
    serve, application, doctor = map(shlex.split, commands)
    [number, port] = re.findall(r"dial sip:(\S+)@127.0.0.1:(\d+) ", said.decode())[0]
    async with (
        runs(serve, tmp_path, "onhook ready"),
        runs(application, tmp_path, "waiting for calls") as answered,
        Phone() as phone,
    ):
        call = await phone.call(number, server=("127.0.0.1", int(port)))
        await call.answered()
        await hears(call, 0.0)
        await until(lambda: "middle/gather success_ok" in answered, "a menu")
        await call.send_digits("7")
        assert (await call.ended(PATIENCE_S)).how is How.BYE_RECEIVED
        await until(lambda: "the call is over: SGD 0.020" in answered, "a bill")
        assert answered[1:3] == ["middle/gather success_ok", "end/hangup success_ok"]
        async with runs(doctor, tmp_path, "ok  ") as looked:
            await until(lambda: any("call" in line for line in looked), "a call of its own")


def test_the_page_of_the_first_call_types_what_it_says() -> None:
    page = (Path(__file__).parents[2] / "docs/first-call.md").read_text()
    short = page[page.index("## The short way") : page.index("## 1 The server")]
    assert re.findall(r"^    (.+)$", short, re.MULTILINE) == [
        "onhook init",
        "onhook serve --config onhook.toml",
        "python3 application.py",
        "onhook doctor --config onhook.toml",
    ]
