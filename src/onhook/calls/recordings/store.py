"""What is kept of recordings: spools while calls last, then mp3s until their links expire.

Everything is in the names of one directory, so a crash leaves nothing to be reconciled::

    NAME.prepared   a spool that waits for its recording to begin; of one that never does it is deleted.
                    One of an earlier process with samples in it has begun, and could not be renamed
    NAME.pcm        a spool: being recorded, or waiting to be encoded
    NAME.mp3.part   being encoded
    NAME.mp3        done; its time is that of its end, and its link is good until kept_s later

A name is 192 bits by chance: who knows it may hear the recording. So logs have only its beginning.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import structlog

from onhook.calls.recordings.encoder import Encoder, EncodingFailed
from onhook.calls.recordings.spools import NAME, SpoolFiles
from onhook.media import RecordingStats
from onhook.processes.workers import Starter

log = structlog.get_logger()

PATH: Final = "/recordings"
"""Where the server has the mp3s, below its public URL."""

_NAME_BYTES: Final = 24
_LOGGED: Final = 6  # characters: 36 of the 192 bits, enough to tell recordings apart
_AGAIN_S: Final = 60.0
_SWEEP_EVERY_S: Final = 3600.0
_IDLE_S: Final = 60.0  # then the encoder is ended, and its memory free


class Missing(Enum):
    """Why there is no mp3 under a name."""

    UNFINISHED = "unfinished"
    """It is still being recorded or encoded."""
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RecordingRef:
    """A recording to be."""

    name: str
    url: str
    """Where it can be heard when it is finished, until it expires."""


@dataclass(frozen=True, slots=True)
class FinishedRecording:
    """An mp3."""

    path: Path
    stat: os.stat_result
    left_s: float
    """How long its link is good from now on."""


class RecordingStore:
    """The recordings of one data directory. For the event loop, but for what says that it blocks.

    ``public_url`` is where customers reach this server; ``kept_s`` how long a link is good. ``now`` is the
    wall clock; files are deleted by ``deletes_by``, which may be more careful. ``starter`` is that
    of the encoder.
    """

    def __init__(
        self,
        directory: Path,
        public_url: str,
        kept_s: float,
        *,
        encoder: Encoder | None = None,
        starter: Starter | None = None,
        now: Callable[[], float] = time.time,
        deletes_by: Callable[[], float] | None = None,
        again_s: float = _AGAIN_S,
    ) -> None:
        self._directory = directory
        self._spools = SpoolFiles(directory)
        self._public_url = public_url.rstrip("/")
        self._kept_s = kept_s
        self._encoder = encoder or Encoder(starter)
        self._now = now
        self._deletes_by = deletes_by or now
        self._again_s = again_s
        self._thread = ThreadPoolExecutor(1, "recordings")
        self._unfinished: dict[str, asyncio.Event] = {}
        self._left: set[str] = set()
        """What an earlier process left, and is not finished yet (:meth:`left_over`)."""
        self._due: asyncio.Queue[str] = asyncio.Queue()
        self._complained: set[str] = set()

    @property
    def unfinished(self) -> int:
        """How many are being recorded, or wait to be encoded."""
        return len(self._unfinished)

    # What a call does -----------------------------------------------------------------------------

    def new(self) -> RecordingRef:
        """A name that nobody can guess. Nothing is stored yet."""
        name = secrets.token_urlsafe(_NAME_BYTES)
        return RecordingRef(name, self.url(name))

    def url(self, name: str) -> str:
        """The link to a recording; of one that an earlier process began, too."""
        return f"{self._public_url}{PATH}/{name}.mp3"

    def open_spool(self, name: str, *, waits: bool = False) -> int:
        """A new file for the samples of a recording, or the one in which an earlier process had just begun
        it: its descriptor. One that ``waits`` counts for nothing before ``begin``. Raises ``OSError``.

        ``finish`` has to follow.
        """
        if name in self._left:
            self._left.discard(name)
            left = self._spools.append(name)
            if left is not None:
                return left
        descriptor = self._spools.create(name, waits=waits)
        if not waits:
            self._unfinished[name] = asyncio.Event()
        return descriptor

    def begin(self, name: str) -> None:
        """A recording that waited has begun, or had in an earlier process. A file that cannot be renamed now
        is renamed at its end."""
        self._unfinished.setdefault(name, asyncio.Event())
        try:
            self._spools.begin(name)
        except OSError as error:
            log.warning("recording_not_renamed", recording=name[:_LOGGED], error=error.strerror)

    def open_again(self, name: str) -> int | None:
        """A descriptor that appends to the samples of a recording that is being written, or waits; None if
        there is no such file."""
        return self._spools.append(name)

    def go_on(self, name: str) -> bool:
        """A recording that an earlier process began is still being written: it is not to be finished yet.
        Whether it still waits to begin."""
        waits = self._spools.wait_on(name)
        if not waits:
            self._unfinished.setdefault(name, asyncio.Event())
        return waits

    def finish(self, name: str, stats: RecordingStats | None = None) -> None:
        """All samples are written: an mp3 is made of them, and found under the link from then on.

        What was lost stands in the log, once. Without a spool it is an mp3 of silence. Of one that never
        began there is none.
        """
        if name not in self._unfinished and self._spools.waits(name):
            with suppress(OSError):  # the next start deletes it
                self._spools.delete(name)
            return
        if stats is not None and (stats.lost or stats.error):
            log.warning(
                "recording_incomplete",
                recording=name[:_LOGGED],
                recorded_s=round(stats.duration_s, 3),
                lost_s=round(stats.lost_s, 3),
                error=os.strerror(stats.error) if stats.error else "",
            )
        self._unfinished.setdefault(name, asyncio.Event())
        self._due.put_nowait(name)

    # What a listener asks -------------------------------------------------------------------------

    async def find(self, name: str, patience_s: float = 0.0) -> FinishedRecording | Missing:
        """The mp3 of this name; one that is being made is waited for, not longer than ``patience_s``.

        Anything may be asked for: what is no name is unknown.
        """
        if not NAME.fullmatch(name):
            return Missing.UNKNOWN
        making = self._unfinished.get(name)
        if making is not None:
            try:
                async with asyncio.timeout(patience_s):
                    await making.wait()
            except TimeoutError:
                return Missing.UNFINISHED
        return await asyncio.to_thread(self._look, name)

    def _look(self, name: str) -> FinishedRecording | Missing:
        path = self._mp3(name)
        try:
            stat = path.stat()
        except FileNotFoundError:
            return Missing.UNKNOWN
        left_s = stat.st_mtime + self._kept_s - self._now()
        return FinishedRecording(path, stat, left_s) if left_s > 0 else Missing.EXPIRED

    # In the background ----------------------------------------------------------------------------

    def spooled(self) -> list[str]:
        """The names of all that is not finished, whoever began it. Blocks. Raises ``OSError``."""
        return self._spools.names()

    def left_over(self) -> list[str]:
        """The recordings that an earlier process left and that do not go on: :meth:`finish` is to follow,
        once nobody writes to them any more. What never began, and waits no more, is deleted. Blocks. Raises
        ``OSError``."""
        names = [name for name in self._spools.left() if name not in self._unfinished]
        for name in names:
            self._unfinished[name] = asyncio.Event()
        self._left.update(names)
        return names

    def finish_all(self, names: Sequence[str]) -> None:
        """Finish what is ``left_over``, but for what has been opened again: nobody writes to it any more."""
        still = [name for name in names if name in self._left]
        self._left.difference_update(still)
        for name in still:
            self.finish(name)
        if still:
            log.info("recordings_recovered", count=len(still))

    async def encode_all(self) -> None:
        """Make mp3s of what is finished, one at a time, for ever."""
        while True:
            try:
                async with asyncio.timeout(_IDLE_S):
                    name = await self._due.get()
            except TimeoutError:
                await self._in_thread(self._encoder.end)
                continue
            await self._encode(name)

    async def sweep(self) -> None:
        """Delete what is expired, now and every hour, for ever."""
        while True:
            try:
                await asyncio.to_thread(self.delete_expired)
            except OSError as error:
                log.warning("recordings_not_deleted", error=error.strerror)
            await asyncio.sleep(min(_SWEEP_EVERY_S, self._kept_s))

    def delete_expired(self) -> int:
        """Delete mp3s whose links are expired; returns how many. Blocks. Raises ``OSError``."""
        count, now = 0, self._deletes_by()
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if not entry.name.endswith(".mp3"):
                    continue
                if entry.stat(follow_symlinks=False).st_mtime + self._kept_s <= now:
                    Path(entry.path).unlink(missing_ok=True)
                    count += 1
        if count:
            log.info("recordings_deleted", count=count)
        return count

    async def close(self) -> None:
        """End the encoder. What is not encoded is, at the next start."""
        await asyncio.to_thread(
            self._encoder.close
        )  # a process may just be started with the loop's help
        await asyncio.to_thread(self._thread.shutdown)

    async def _encode(self, name: str) -> None:
        try:
            await self._in_thread(lambda: self._make(name))
        except EncodingFailed as error:
            if name not in self._complained:
                log.error("recording_not_encoded", recording=name[:_LOGGED], error=str(error))
            self._complained.add(name)
            asyncio.get_running_loop().call_later(self._again_s, self._due.put_nowait, name)
            return
        self._settled(name)

    def _make(self, name: str) -> None:
        try:
            self._spools.begin(name)  # once more, where its file could not be renamed
        except OSError as error:
            raise EncodingFailed(f"its file cannot be renamed: {error.strerror}") from error
        self._encoder.encode(self._spools.path(name), self._mp3(name))

    def _settled(self, name: str) -> None:
        self._complained.discard(name)
        making = self._unfinished.pop(name, None)
        if making is not None:
            making.set()

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _mp3(self, name: str) -> Path:
        return self._directory / f"{name}.mp3"
