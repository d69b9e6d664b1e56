"""From an empty directory to the first call: `onhook init` answered, then the commands that it says."""

import asyncio
import re
import shlex
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from acceptance.harness import free_port
from acceptance.talking import PATIENCE_S, until
from acceptance.typing_on import ENVIRONMENT, runs
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.tones import speech_like
from pages.reading import blocks

NUMBER = "+6531234567"


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
    short = page[page.index("## The short way") : page.index("### The same in a container")]
    _, install, *rest = [block.splitlines() for block in blocks(short, "sh")]
    said = [install[-1], *(line for block in rest for line in block)]
    assert [line for line in said if line.startswith(("onhook", "python3"))] == [
        "onhook init",
        "onhook serve --config onhook.toml",
        "python3 application.py",
        "onhook doctor --config onhook.toml",
    ]
