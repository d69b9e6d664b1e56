"""Recordings of which only the length is known: what can be fetched under their links is silence."""

import asyncio
import io
import os
import secrets
from typing import TYPE_CHECKING, Final

from onhook.calls.recordings.store import PATH, RecordingRef
from onhook.media.recorder import RecordingStats

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_RATE_HZ: Final = 8000
_LEAST_SAMPLES: Final = 1152
"""Of a frame of an mp3."""


class SimulatedRecordings:
    """The recordings of all calls (calls.recordings.store.RecordingStore)."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url
        self._prepared: set[str] = set()
        self.lengths_s: dict[str, float] = {}
        """How long those last that are complete, by their URL."""

    def new(self) -> RecordingRef:
        """A name and a link."""
        name = secrets.token_urlsafe(24)
        return RecordingRef(name, self._url(name))

    def open_spool(self, name: str, *, waits: bool = False) -> int:
        """Where samples would be written; of one that waits they do not count yet."""
        if waits:
            self._prepared.add(name)
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)

    def begin(self, name: str) -> None:
        """It counts from now on."""
        self._prepared.discard(name)

    def go_on(self, name: str) -> bool:
        """No other process had it."""
        return False

    def open_again(self, name: str) -> int | None:
        """No other process had it."""
        return None

    def finish(self, name: str, stats: RecordingStats | None = None) -> None:
        """It is complete, if it ever began."""
        if name in self._prepared:
            self._prepared.discard(name)
            return
        self.lengths_s[self._url(name)] = 0.0 if stats is None else stats.duration_s

    def application(self) -> "ASGIApp":
        """Serves what was recorded."""

        async def answer(scope: "Scope", receive: "Receive", send: "Send") -> None:
            length_s = self.lengths_s.get(f"{self._public_url}{scope['path']}")
            status, body = 404, b"There is no such recording.\n"
            if length_s is not None:
                status, body = 200, await asyncio.to_thread(_silence, length_s)
            kind = b"audio/mpeg" if status == 200 else b"text/plain"
            headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return answer

    def _url(self, name: str) -> str:
        return f"{self._public_url}{PATH}/{name}.mp3"


def _silence(length_s: float) -> bytes:
    """An mp3."""
    import numpy as np
    import soundfile

    samples = np.zeros(max(_LEAST_SAMPLES, round(length_s * _RATE_HZ)), dtype=np.int16)
    written = io.BytesIO()
    soundfile.write(written, samples, _RATE_HZ, format="MP3")
    return written.getvalue()
