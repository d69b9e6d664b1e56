"""A web server with files for ``<url>``."""

import asyncio
import io
import wave
from collections.abc import Mapping

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from onhook.testing.tones import tone


def wav(pcm: NDArray[np.int16]) -> bytes:
    """8000 Hz samples as a wav file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()


PATIENCE_S = 60.0
"""How long something may take that is going to happen. It costs nothing where it happens."""
BEEP = wav(tone(1000, 100))
"""The shortest message that a test needs."""

LONG = wav(tone(600, 30_000))
"""A message that is still playing when a test is over."""


class FileServer:
    """Serves what it was given, by name; use it with ``async with``."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self.requests: list[str] = []
        self._answers: dict[str, tuple[int, bytes, Mapping[str, str]]] = {}
        self._held: dict[str, asyncio.Event] = {}
        self._asked = asyncio.Condition()
        self._runner = web.ServerRunner(web.Server(self._get, access_log=None))
        self._port = 0

    async def __aenter__(self) -> "FileServer":
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for released in self._held.values():
            released.set()
        await self._runner.cleanup()

    def serve(
        self,
        name: str,
        body: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Serves ``body`` under ``name`` from now on; returns its URL."""
        self._answers[f"/{name}"] = (status, body, headers or {})
        return f"http://{self._host}:{self._port}/{name}"

    def hold(self, name: str) -> asyncio.Event:
        """Keeps every reply for ``name`` back until the event is set."""
        return self._held.setdefault(f"/{name}", asyncio.Event())

    async def asked_for(self, name: str, timeout_s: float = PATIENCE_S) -> None:
        """Returns once ``name`` was asked for."""
        async with asyncio.timeout(timeout_s), self._asked:
            await self._asked.wait_for(lambda: f"/{name}" in self.requests)

    async def _get(self, request: web.BaseRequest) -> web.StreamResponse:
        async with self._asked:
            self.requests.append(request.path)
            self._asked.notify_all()
        if request.path in self._held:
            await self._held[request.path].wait()
        status, body, headers = self._answers.get(request.path, (404, b"", {}))
        return web.Response(status=status, body=body, headers=headers)
