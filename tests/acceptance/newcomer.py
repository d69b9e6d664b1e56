"""Somebody who types what a page says, on a machine where nothing is yet."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from acceptance.harness import Onhook
from pages.reading import blocks
from ports import free_port

ROOT: Final = Path(__file__).parents[2]
NUMBER: Final = "+6531234567"
ONHOOK: Final = ".venv/bin/onhook"


def typed(page: str) -> list[str]:
    """Every command of Onhook on a page, and the variables that it sets, in order; comments cut off."""
    fenced = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^    ((?:export|\.venv/bin/onhook) .*(?:\\\n.*)*)", fenced, re.MULTILINE)
    return [re.sub(r"\s{2,}#.*", "", line.replace("\\\n", " ")) for line in lines]


def typed_in_shell(page: str) -> list[str]:
    """The same of the blocks that are marked as shell."""
    lines = "".join(blocks(page, "sh")).splitlines()
    return [line for line in lines if line.startswith(("export ONHOOK_", "onhook "))]


class Newcomer:
    """Types what a page says. The server gets free ports, since the page's may be taken here."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.variables: dict[str, str] = {}
        self.server: Onhook | None = None
        self.made: dict[str, str] = {}
        self.forward_port = free_port()

    def type(self, line: str, keys: str = "") -> str:
        """One line, and what its command reads; what it printed."""
        words = shlex.split(line)
        if words[0] == "export":
            self.variables.update(dict(word.split("=", 1) for word in words[1:]))
            return ""
        assert words[0] in (ONHOOK, "onhook")
        arguments = [self._own(word) for word in words[1:]]
        if arguments[0] == "serve":
            return self._serve(arguments[1:])
        return self._run(arguments, keys)

    def program(self, text: str, api: str = "") -> str:
        """The application of a page with what was made here: its credentials, its port, and the server's."""
        server = api or (self.server.url if self.server else "")
        text = text.replace('"app_id": "…"', f'"app_id": "{self.made["app_id"]}"')
        text = text.replace("…", self.made["access_token"]).replace("9000", str(self.forward_port))
        return text.replace("http://127.0.0.1:8080", server)

    def _own(self, word: str) -> str:
        word = word.replace("APP_ID", self.made.get("app_id", "APP_ID"))
        return word.replace(":9000/", f":{self.forward_port}/")

    def _serve(self, options: list[str]) -> str:
        assert self.server is None
        settings = {name.removeprefix("ONHOOK_").lower(): v for name, v in self.variables.items()}
        for option, value in zip(options[::2], options[1::2], strict=True):
            name = option.removeprefix("--").replace("-", "_")
            settings[name] = re.sub(r":\d+$", ":0", value) if name == "sip" else value
        self.server = Onhook(settings, self.home / settings.pop("data"))
        return ""

    def _run(self, arguments: list[str], keys: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "onhook", *arguments],
            env={**os.environ, **self.variables},
            cwd=self.home,
            input=keys,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        assert keys or not done.stderr, (arguments, done.stderr)
        if arguments[:2] == ["app", "create"]:
            self.made = dict(line.split() for line in done.stdout.splitlines())
        return done.stdout


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
