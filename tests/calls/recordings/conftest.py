import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import structlog
from numpy.typing import NDArray
from structlog.testing import capture_logs

from onhook.calls.recordings.store import FinishedRecording, RecordingStore
from onhook.media import Codec, MediaPlane, Stream, StreamStats
from ports import free_ports

PATIENCE_S = 60.0
KEPT_S = 3600.0


def tone(seconds: float) -> NDArray[np.int16]:
    at = np.arange(round(seconds * 8000))
    return (8000 * np.sin(at * 2 * np.pi * 440 / 8000)).astype(np.int16)


def loudness(path: Path) -> NDArray[np.float64]:
    """Of each tenth of a second."""
    sound, rate_hz = soundfile.read(path)
    assert (rate_hz, sound.ndim) == (8000, 1)
    whole = sound[: len(sound) // 800 * 800].reshape(-1, 800)
    loud: NDArray[np.float64] = np.sqrt(np.mean(whole**2, axis=1))
    return loud


def tone_s(path: Path) -> float:
    """How many seconds of the tone there are, by their energy: wherever the machine stood still, what plays
    did too, and there is a hole."""
    sound, rate_hz = soundfile.read(path)
    assert (rate_hz, sound.ndim) == (8000, 1)
    return float(np.sum(sound**2) / np.sum((tone(1) / 32768) ** 2))


class Kept:
    """A store with its background work, on a clock that can be moved."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.later_s = 0.0
        self.store = RecordingStore(
            directory,
            "https://voice.example.com/",
            KEPT_S,
            now=lambda: time.time() + self.later_s,
            again_s=0.05,
        )

    def spool(self, content: bytes, *, waits: bool = False) -> str:
        """The name of a recording that is written, and not finished."""
        name = self.store.new().name
        descriptor = self.store.open_spool(name, waits=waits)
        os.write(descriptor, content)
        os.close(descriptor)
        return name

    def before(self) -> "Kept":
        """Of the process before, which has the same directory and is dead."""
        return Kept(self.directory)

    async def finished(self, name: str) -> FinishedRecording:
        found = await self.store.find(name, PATIENCE_S)
        assert isinstance(found, FinishedRecording), found
        return found

    def files(self) -> set[str]:
        return {path.name for path in self.directory.iterdir()}


@contextlib.asynccontextmanager
async def keeping(directory: Path) -> AsyncIterator[Kept]:
    kept = Kept(directory)
    kept.store.finish_all(kept.store.left_over())
    encoding = asyncio.create_task(kept.store.encode_all())
    yield kept
    encoding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await encoding
    await kept.store.close()


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    async with keeping(tmp_path) as kept:
        yield kept


@pytest.fixture
def logs() -> Iterator[list[structlog.typing.EventDict]]:
    with capture_logs() as logs:
        yield logs


class Deaf:
    """Does not care for what a stream tells."""

    def digit(self, digit: str) -> None: ...

    def rtp_started(self) -> None: ...

    def rtp_timeout(self) -> None: ...

    def closed(self, stats: StreamStats) -> None: ...


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    plane = MediaPlane(host="127.0.0.1", ports=free_ports(10))
    plane.start(asyncio.get_running_loop())
    yield plane.open(
        plane.reserve(),
        remote=("127.0.0.1", 9),
        codec=Codec.PCMA,
        dtmf_payload_type=None,
        listener=Deaf(),
    )
    plane.close()
