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
from collections.abc import Callable

from acceptance.harness import Customer, Onhook
from acceptance.test_operator_commands import command
from onhook.testing.receiver import Reply

PATIENCE_S = 60


async def lines_until(
    server: Onhook, wanted: Callable[[list[dict[str, object]]], bool], *arguments: str
) -> list[dict[str, object]]:
    """What `tail` prints until that is enough."""
    data = ["--data", str(server.data), "--json", "--since", "1h"]
    tail = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "onhook", "tail", *arguments, *data, stdout=subprocess.PIPE
    )
    assert tail.stdout is not None
    found: list[dict[str, object]] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not wanted(found):
                found.append(json.loads(await tail.stdout.readline()))
    finally:
        tail.send_signal(signal.SIGINT)
        assert await tail.wait() == 130
    return found


async def test_a_call_is_followed_from_its_begin_to_its_end(customer: Customer) -> None:
    """A request that is refused, a notification that needs two attempts, and what it came to."""
    mine = ("--app", customer.app_id)
    following = asyncio.create_task(
        lines_until(
            customer.server, lambda found: any("ended:" in str(one["text"]) for one in found), *mine
        )
    )
    customer.receiver.reply_with(Reply(status=500))
    call, told = await customer.call()
    await customer.post("ivr/middle/play", session=told["session"], msg="<speech")
    await call.cancel()
    found = await following
    assert {one["session"] for one in found} == {told["session"]}
    texts = [str(one["text"]) for one in found]
    for part in ("> +65", "ringing", "attempt 1, HTTP 500", "refused: error_msg_invalid_xml"):
        assert any(part in text for text in texts), texts
    assert "ended: caller cancelled" in texts
    kinds = await lines_until(
        customer.server, lambda found: len(found) >= 1, *mine, "--kind", "request"
    )
    assert {one["kind"] for one in kinds} == {"request"}


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
