"""The sample applications in examples/, each run as a process of its own beside a real server."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from itertools import count
from pathlib import Path
from typing import Self

from acceptance.harness import Onhook, free_port
from onhook.cli import accounts
from onhook.testing.api_client import ApiClient

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE_S = 60.0
"""How long something may take that is going to happen."""
_numbers = count(32_000_000)


def new_number() -> str:
    """A phone number that no other test has."""
    return f"+65{next(_numbers)}"


class Sample:
    """A sample application that runs, with an application on the server; use it with `async with`.

    `before` is Python that runs first in its process, to take chance away, say.
    """

    def __init__(
        self, server: Onhook, name: str, *arguments: str, before: str = "", **environment: str
    ) -> None:
        self.server = server
        self.said: list[str] = []
        """The lines that it wrote so far."""
        self.url = f"http://127.0.0.1:{free_port()}/"
        """Where it is notified."""
        path = str(EXAMPLES / name)
        run = f"{before}\nimport runpy\nrunpy.run_path({path!r}, run_name='__main__')"
        self._command = ["-c", run, *arguments] if before else [path, *arguments]
        self._environment = environment
        self._process: Process | None = None
        self._made: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        self._made = await accounts.create_application(self.server.data, "sample")
        environment = {
            "ONHOOK_API": self.server.url,
            "MY_URL": self.url,
            "APP_ID": self._made["app_id"],
            "ACCESS_TOKEN": self._made["access_token"],
            **self._environment,
        }
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, *self._command),
            env={**os.environ, **environment},
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._running
        if process.returncode is None:
            process.kill()
        await process.communicate()

    @property
    def api(self) -> ApiClient:
        """Requests with the application's credentials."""
        return ApiClient(self.server.url, self._made["app_id"], self._made["access_token"])

    async def number(self) -> str:
        """A number whose calls the application takes, once it listens."""
        number = new_number()
        await accounts.add_number(self.server.data, number, self._made["app_id"], self.url)
        await _listening(self.url)
        return number

    async def line(self, holding: str, timeout_s: float = PATIENCE_S) -> str:
        """The next line that holds this text; those before it are in `said`."""
        assert self._running.stdout is not None
        async with asyncio.timeout(timeout_s):
            while read := await self._running.stdout.readline():
                self.said.append(read.decode().rstrip("\n"))
                if holding in self.said[-1]:
                    return self.said[-1]
        raise AssertionError(f"it ended without saying {holding!r}: {self.said}")

    def type(self, text: str) -> None:
        """Write a line to its standard input."""
        assert self._running.stdin is not None
        self._running.stdin.write(f"{text}\n".encode())

    async def exit_code(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait until it ends by itself."""
        return await asyncio.wait_for(self._running.wait(), timeout_s)

    @property
    def _running(self) -> Process:
        assert self._process is not None
        return self._process


async def _listening(url: str) -> None:
    """Waits until somebody accepts connections there."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
