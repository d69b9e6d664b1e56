"""The process of the media plane, started as the supervisor starts it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from media.rtp_peer import PATIENCE_S
from onhook.media.link import PlaneLink
from onhook.processes.channel import Channel
from onhook.processes.membership import CHANNEL, END


def wakings(task: Path) -> int:
    """How often a thread has slept and gone on, as the kernel counts it; its folder in /proc."""
    lines = (task / "status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))


class PlaneProcess:
    """`onhook.server.plane_process`, for the ports of a range."""

    def __init__(
        self, ports: range, *, silence_s: float = 0, keep_audio_s: float = PATIENCE_S
    ) -> None:
        self._channel, theirs = Channel.pair()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "onhook.server.plane_process"],
            env={**os.environ, CHANNEL: str(theirs.fileno())},
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        settings = {
            "rtp_ports": [ports.start, ports.stop - 1],
            "silence_s": silence_s,
            "keep_audio_s": keep_audio_s,
        }
        begin: dict[str, Any] = {"say": "begin", "role": "plane", "generation": 1}
        self._channel.send({**begin, "sockets": [], "settings": settings})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._channel.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def _receive(self) -> tuple[dict[str, Any], Sequence[int]]:
        async with asyncio.timeout(PATIENCE_S):
            heard = await asyncio.to_thread(self._channel.receive)
        assert heard is not None, f"it ended with {self._process.wait(PATIENCE_S)}: {self.log()}"
        return heard

    async def offer(self) -> PlaneLink:
        """The next link that it offers."""
        while True:
            message, descriptors = await self._receive()
            if message["say"] == "offer":
                assert message["link"] == "plane"
                return PlaneLink.of(descriptors)
            assert message["say"] in ("ready", "library")

    def wakings(self) -> int:
        """How often its threads have slept and gone on, all of them."""
        return sum(wakings(task) for task in Path(f"/proc/{self.pid}/task").iterdir())

    def kill(self) -> None:
        """As `kill -9` does."""
        self._process.kill()
        self._process.wait()

    async def terminate(self) -> int:
        """Ask it to end; returns its exit status."""
        self._process.send_signal(END)
        return await asyncio.to_thread(self._process.wait, PATIENCE_S)

    async def logged(self, event: str) -> dict[str, Any]:
        """The next event of a kind that it logs."""
        assert self._process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                line = await asyncio.to_thread(self._process.stderr.readline)
                assert line, f"it has ended, and not logged {event}"
                told: dict[str, Any] = json.loads(line)
                if told["event"] == event:
                    return told

    def log(self) -> str:
        """What it has logged besides what was asked for; once it is dead."""
        assert self._process.stderr is not None
        return self._process.stderr.read().decode()
