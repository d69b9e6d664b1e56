"""What README and docs tell a newcomer to type works, in that order, on a machine where nothing is yet."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.harness import Onhook, free_port
from onhook.testing.phone import Phone
from onhook.testing.tones import speech_like

ROOT = Path(__file__).parents[2]
NUMBER = "+6531234567"
ONHOOK = ".venv/bin/onhook"


def typed(page: str) -> list[str]:
    """Every command of Onhook on a page, and the variables that it sets, in order; comments cut off."""
    blocks = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^    ((?:export|\.venv/bin/onhook) .*(?:\\\n.*)*)", blocks, re.MULTILINE)
    return [re.sub(r"\s{2,}#.*", "", line.replace("\\\n", " ")) for line in lines]


def programs(page: str) -> list[str]:
    """The Python programs of a page."""
    return re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


class Newcomer:
    """Types what a page says. The server gets free ports, since the page's may be taken here."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.variables: dict[str, str] = {}
        self.server: Onhook | None = None
        self.made: dict[str, str] = {}
        self.forward_port = free_port()

    def type(self, line: str) -> str:
        """One line; what it printed."""
        words = shlex.split(line)
        if words[0] == "export":
            self.variables.update(dict(word.split("=", 1) for word in words[1:]))
            return ""
        assert words[0] == ONHOOK
        arguments = [self._own(word) for word in words[1:]]
        return self._serve(arguments) if arguments[0] == "serve" else self._run(arguments)

    def _own(self, word: str) -> str:
        word = word.replace("APP_ID", self.made.get("app_id", "APP_ID"))
        return word.replace(":9000/", f":{self.forward_port}/")

    def _serve(self, arguments: list[str]) -> str:
        assert self.server is None
        assert arguments == ["serve"]
        settings = {name.removeprefix("ONHOOK_").lower(): v for name, v in self.variables.items()}
        self.server = Onhook(settings, self.home / settings.pop("data"))
        return ""

    def _run(self, arguments: list[str]) -> str:
        if arguments[:2] == ["prompt", "warm"]:
            (self.home / arguments[2]).write_text("We are closed.\n")
        done = subprocess.run(
            [sys.executable, "-m", "onhook", *arguments],
            env={**os.environ, **self.variables},
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), (arguments, done.stderr)
        if arguments[:2] == ["app", "create"]:
            self.made = dict(line.split() for line in done.stdout.splitlines())
        return done.stdout


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """Who has typed what README says up to the first application."""
    readme = (ROOT / "README.md").read_text()
    one = Newcomer(tmp_path_factory.mktemp("home"))
    for line in typed(readme[: readme.index("## A first application")]):
        one.type(line)
    yield one
    if one.server is not None:
        one.server.close()


async def test_the_first_application_of_the_readme_takes_the_first_call(newcomer: Newcomer) -> None:
    [program] = programs((ROOT / "README.md").read_text())
    testing = (ROOT / "docs/testing.md").read_text()
    [example] = programs(testing[testing.index("## Real phones") :])
    assert newcomer.server is not None
    program = program.replace('"app_id": "…"', f'"app_id": "{newcomer.made["app_id"]}"')
    program = program.replace("…", newcomer.made["access_token"])
    program = program.replace("9000", str(newcomer.forward_port))
    program = program.replace("http://127.0.0.1:8080", newcomer.server.url)
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", program), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        await listening(newcomer.forward_port)
        async with Phone() as phone:
            call = await phone.call(NUMBER, server=newcomer.server.sip)
            await call.answered()
            await call.ended(timeout_s=30)
            assert speech_like(call.recording.pcm()).voiced_s > 0.5
        assert running.stdout is not None
        assert await running.stdout.readline() == b"it cost SGD 0.020\n"
        heard = await asyncio.to_thread(
            subprocess.check_output,
            [sys.executable, "-c", example.replace("5060", str(newcomer.server.sip[1]))],
            text=True,
        )
        assert re.fullmatch(r"bye_received [1-9]\.\d s of speech\n", heard)
    finally:
        running.kill()
        await running.wait()


async def listening(port: int) -> None:
    """Returns once somebody takes connections at a port."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


@pytest.mark.slow  # a dozen processes; that these commands do what they say has tests of its own
def test_the_other_commands_of_the_readme_work_in_a_row(newcomer: Newcomer) -> None:
    readme = (ROOT / "README.md").read_text()
    lines = typed(readme[readme.index("## A first application") :])
    assert len(lines) > 8
    printed = [newcomer.type(line) for line in lines if not line.startswith("export")]
    assert any(NUMBER in text for text in printed)
    [only] = json.loads(newcomer.type(f"{ONHOOK} number list --json"))
    assert (only["number"], only["format"]) == (NUMBER, "json")


def test_the_page_of_the_first_call_types_the_same_commands() -> None:
    """But for where the server listens and whom it trusts; so that page is as true as README."""
    page = (ROOT / "docs/first-call.md").read_text()
    page = page[page.index("## 1 The server") :].replace("    onhook ", f"    {ONHOOK} ")
    readme = (ROOT / "README.md").read_text()
    told = typed(readme[: readme.index("## A first application")])
    server = f"{ONHOOK} serve --sip 0.0.0.0:5080 --trusted-peers 127.0.0.0/8,192.168.1.0/24"
    lines = typed(page)
    assert server in lines
    assert [line for line in lines if line != server] == [
        line for line in told if "serve" not in line and "trunk" not in line
    ]
