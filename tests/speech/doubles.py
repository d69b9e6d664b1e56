"""A store and a web in memory, for what makes prompts."""

import asyncio
import io
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import soundfile

from onhook.processes.programs import PROGRAMS
from onhook.processes.workers import Spawner
from onhook.speech.fetch import Download, FetchError
from onhook.speech.narrowband import Pcm, PcmBuffer


@dataclass(frozen=True, eq=False)
class Opened:
    """A prompt of the store below: one object for each time it was opened."""

    pcm: Pcm

    @property
    def duration_ms(self) -> int:
        return len(self.pcm) // 8


class Shelf:
    """A store of prompts in memory that counts what is done to it."""

    def __init__(self) -> None:
        self.kept: dict[str, Pcm] = {}
        self.saved: list[str] = []
        self.opened: list[str] = []
        self.full = False

    def find(self, digest: str) -> Opened | None:
        assert threading.current_thread() is not threading.main_thread()
        return self._open(digest) if digest in self.kept else None

    def save(self, digest: str, pcm: PcmBuffer) -> Opened:
        assert threading.current_thread() is not threading.main_thread()
        if self.full:
            raise OSError("no space left on device")
        self.saved.append(digest)
        self.kept[digest] = np.asarray(pcm)
        return self._open(digest)

    def piece(self, pcm: PcmBuffer) -> Opened:
        assert threading.current_thread() is not threading.main_thread()
        return Opened(np.asarray(pcm))

    def _open(self, digest: str) -> Opened:
        self.opened.append(digest)
        return Opened(self.kept[digest])


@dataclass(frozen=True)
class Reply:
    """A file with headers; 304 whenever a condition names one of them."""

    body: bytes
    headers: Mapping[str, str]
    source: str = ""

    def answer(self, conditions: Mapping[str, str]) -> Download:
        etag = conditions.get("If-None-Match")
        date = conditions.get("If-Modified-Since")
        unchanged = etag == self.headers.get("etag") if etag else date is not None
        if unchanged and (etag or date == self.headers.get("last-modified")):
            return Download(b"", self.headers, not_modified=True, source=self.source)
        return Download(self.body, self.headers, source=self.source)


class Web:
    """A downloader whose files are in memory; a file may be an error, or an event to wait for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | Reply | FetchError | asyncio.Event] = {}
        self.asked: list[str] = []
        self.conditions: list[Mapping[str, str]] = []
        self.sources: list[str] = []
        self.deadlines: list[float] = []
        self.given_up: list[str] = []
        self._noted = asyncio.Event()

    async def noted(self, log: list[str], count: int = 1) -> None:
        """Wait until `asked` or `given_up` has `count` entries."""
        async with asyncio.timeout(30):
            while len(log) < count:
                self._noted.clear()
                await self._noted.wait()

    async def fetch(
        self,
        url: str,
        *,
        limit_bytes: int,
        deadline_s: float,
        conditions: Mapping[str, str] | None = None,
        source: str = "",
    ) -> Download:
        assert limit_bytes == 10 * 1024 * 1024 and deadline_s > 0
        self.asked.append(url)
        self.conditions.append(conditions or {})
        self.sources.append(source)
        self.deadlines.append(deadline_s)
        self._noted.set()
        file = self.files[url]
        if isinstance(file, asyncio.Event):
            try:
                await file.wait()
            except asyncio.CancelledError:
                self.given_up.append(url)
                self._noted.set()
                raise
            file = self.files[url + "#then"]
        if isinstance(file, FetchError):
            raise file
        if isinstance(file, Reply):
            return file.answer(conditions or {})
        assert isinstance(file, bytes)
        return Download(file)


def stand_in(program: str, command: Sequence[str]) -> Spawner:
    """What starts `command` in place of a program, with the arguments of that one."""
    return Spawner({program: replace(PROGRAMS[program], start=tuple(command))})


def wav(level: float, seconds: float = 0.5) -> bytes:
    """A wav of one level; at 0.1 it is as loud as prompts are, and is kept to the sample."""
    file = io.BytesIO()
    soundfile.write(file, np.full(round(8_000 * seconds), level), 8_000, format="WAV")
    return file.getvalue()
