"""Watching calls as they go on: ``onhook tail``, and ``onhook calls live`` on a terminal."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from asyncio.subprocess import Process
from typing import Self

from acceptance.harness import Customer, Onhook
from acceptance.test_operator_commands import command
from onhook.testing.receiver import Handler, Notification, Reply

PATIENCE_S = 60


class Tail:
    """What `tail` prints of the last hour, and from now on."""

    def __init__(self, server: Onhook, *arguments: str) -> None:
        data = ["--data", str(server.data), "--json", "--since", "1h"]
        self._command = [sys.executable, "-m", "onhook", "tail", *arguments, *data]
        self._running: Process
        self.found: list[dict[str, str]] = []

    async def __aenter__(self) -> Self:
        self._running = await asyncio.create_subprocess_exec(*self._command, stdout=subprocess.PIPE)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.send_signal(signal.SIGINT)
        assert await self._running.wait() == 130

    async def shows(self, *parts: str) -> None:
        """Returns once it has printed a line with each of these, in whatever order."""
        assert self._running.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while not all(any(part in one["text"] for one in self.found) for part in parts):
                self.found.append(json.loads(await self._running.stdout.readline()))


async def test_a_call_is_followed_from_its_begin_to_its_end(customer: Customer) -> None:
    """A request that is refused, a notification that needs two attempts, and what it came to; and how the
    last one was delivered, though the call is over by then."""
    mine = ("--app", customer.app_id)
    customer.receiver.reply_with(Reply(status=500))
    async with Tail(customer.server, *mine) as tail:
        call, told = await customer.call()
        await customer.post("ivr/middle/play", session=told["session"], msg="<speech")
        await tail.shows(
            "> +65", "answer ringing: to be told", "refused: error_msg_invalid_xml",
            "ringing: attempt 1, HTTP 500", "ringing: attempt 2, HTTP 200",
        )  # fmt: skip
        taken = asyncio.Event()
        customer.receiver.handler = take_once(taken)
        await call.cancel()
        await tail.shows("ended: caller cancelled")
        taken.set()
        await tail.shows("ended: attempt 1, HTTP 200")
    assert {one["session"] for one in tail.found} == {told["session"]}
    assert "> +65" in tail.found[0]["text"]
    async with Tail(customer.server, *mine, "--kind", "request") as requests:
        await requests.shows("refused: error_msg_invalid_xml")
    assert {one["kind"] for one in requests.found} == {"request"}


def take_once(taken: asyncio.Event) -> Handler:
    """An application that says nothing to a notification before this is set."""

    async def take(_: Notification) -> None:
        await taken.wait()

    return take


async def test_calls_that_go_on_are_a_table_that_moves(customer: Customer) -> None:
    server, mine = customer.server, ("--app", customer.app_id)
    call, told = await customer.call()
    [one] = json.loads(await command(server, "calls", "live", "--json", *mine))
    assert (one["session"], one["state"]) == (told["session"], "ringing")
    assert told["session"] in await command(server, "calls", "live", *mine)
    person, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    arguments = ["calls", "live", "--every", "0.2", "--data", str(server.data), *mine]
    live = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "onhook", *arguments, stdin=program, stdout=program,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(program)
    screen = Screen(person)
    try:
        await screen.shows(told["session"])
        await screen.shows("1 call goes on")
        await call.cancel()
        await screen.shows("0 calls go on")
    finally:
        live.send_signal(signal.SIGINT)
        await screen.ends()
        assert await live.wait() == 130
    assert await command(server, "calls", "live", "--json", *mine) == "[]\n"


class Screen:
    """What a program draws on a terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._drawn = ""

    async def shows(self, text: str) -> None:
        """Returns once it has drawn this, after what was asked for before."""
        async with asyncio.timeout(PATIENCE_S):
            while text not in self._drawn:
                self._drawn += await asyncio.to_thread(self._read)
        self._drawn = self._drawn[self._drawn.index(text) :]

    async def ends(self) -> None:
        """Reads what is left, so that the program can write it."""
        while await asyncio.to_thread(self._read):
            pass
        os.close(self._terminal)

    def _read(self) -> str:
        try:
            return os.read(self._terminal, 4096).decode(errors="replace")
        except OSError:
            return ""
