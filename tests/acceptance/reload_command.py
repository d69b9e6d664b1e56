"""``onhook reload``, as somebody types it."""

import asyncio
import os
import sys

from acceptance.harness import READY_S, Onhook
from onhook.testing.phone import Phone
from onhook.testing.streams import StreamSocket


async def reload(server: Onhook, **variables: str) -> tuple[int, str]:
    """Its exit status, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "onhook", "reload", "--data", str(server.data)),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def reloaded(server: Onhook) -> None:
    """It was, and nothing was wrong with it."""
    status, printed = await reload(server)
    assert status == 0, printed


async def seen(server: Onhook, event: str) -> None:
    """Returns once the log says so."""
    async with asyncio.timeout(READY_S):
        while f'"{event}"' not in server.log:
            await asyncio.sleep(0.05)


def connections_made(phone: Phone) -> int:
    """How many connections for SIP a phone over TCP or TLS has had, whoever made them."""
    assert isinstance(phone._socket, StreamSocket)
    return phone._socket.made
