"""Recording a stream: what the peer says and what it is sent, mixed, in time with each other."""

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from onhook.media._plane import lib
from onhook.media.g711 import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class RecordingStats:
    """What became of a recording."""

    samples: int
    """How many the file has: 16 bits, 8,000 Hz, one channel, in the machine's byte order."""
    lost: int
    """How many were to be heard and are missing, or silent: the disk was too slow, or full."""
    error: int
    """The `errno` of the write that failed, `ETIMEDOUT` if the file took nothing more, or 0."""

    @property
    def duration_s(self) -> float:
        """How long the file plays."""
        return self.samples / SAMPLE_RATE

    @property
    def lost_s(self) -> float:
        """How much sound was lost."""
        return self.lost / SAMPLE_RATE


_SAMPLE_BYTES = 2
_WRITTEN_AFTER_S = 0.55  # more or less: see native/recording.h


def fill_up(spool: int, began_s: float) -> None:
    """Write silence where nobody recorded: the file is as long as it would be by now, had it been written to
    since it began. Raises `OSError`."""
    if stat.S_ISREG(os.fstat(spool).st_mode):
        samples = round((time.monotonic() - began_s) * SAMPLE_RATE)
        missing = samples * _SAMPLE_BYTES - os.fstat(spool).st_size
        os.write(spool, bytes(max(0, missing)))


def written_since(spool: int) -> float | None:
    """When a recording began that is written to this file, more or less; None as long as nothing is. Raises
    `OSError`."""
    size = os.fstat(spool).st_size
    written_s = size / _SAMPLE_BYTES / SAMPLE_RATE
    return time.monotonic() - written_s - _WRITTEN_AFTER_S if size else None


OnRecorded = Callable[[RecordingStats], None]
"""Hears, on the loop, that the last sample is with the kernel and the file is closed."""

Ask = Callable[..., object]


class Recorder:
    """One recording of a stream; made by `Stream.record()`."""

    __slots__ = (
        "_ask",
        "_behind",
        "_going",
        "_handle",
        "_on_done",
        "_recording",
        "_tag",
        "began_s",
        "done",
        "spool",
        "waits",
    )

    def __init__(
        self,
        ask: Ask,
        handle: int,
        recording: int,
        on_done: OnRecorded,
        *,
        tag: int = 0,
        spool: int | None = None,
        waits: bool = False,
    ) -> None:
        self._ask = ask
        self._handle = handle
        self._recording = recording
        self._on_done = on_done
        self._going = True
        self.began_s = time.monotonic()
        """When it began, as far as is known."""
        self._tag = tag
        self.spool = spool
        """The file that it is written to, ours as well, for another plane if this one dies."""
        self.done = False
        """Whether all of it is written."""
        self.waits = waits
        """Whether it is still to begin, as far as is known: the plane may have begun it since."""
        self._behind = 0

    @property
    def going(self) -> bool:
        """Whether it has neither been stopped nor ended with its stream."""
        return self._going

    def begin_behind(self, play_id: int) -> None:
        """One that waits begins with the end of this message of its stream, which may be still to be asked
        for: the plane sees to it, whoever has died by then. Where the message is cut off, it waits on."""
        if self.waits:
            self._behind = play_id
            self._ask(lib.plane_begin_recording, self._handle, self._recording, play_id)

    def begin(self) -> None:
        """One that waits begins now, and what plays is cut off; nothing where it has begun."""
        if self.waits:
            self._ask(lib.plane_begin_recording, self._handle, self._recording, 0)
            self.waits = False
            self.began_s = self._written_since() or time.monotonic()

    def stop(self) -> None:
        """End the recording; `on_done` follows. Does nothing once it has ended."""
        if self._going:
            self._going = False
            self._ask(lib.plane_record_stop, self._handle, self._recording)

    def take_spool(self, spool: int | None) -> None:
        """For the stream: an earlier switch began it, and this is its file."""
        self.spool = spool
        self.began_s = time.monotonic() - _WRITTEN_AFTER_S
        with suppress(OSError):  # nobody can say since when
            self.began_s = self._written_since() or self.began_s

    def _written_since(self) -> float | None:
        return written_since(self.spool) if self.spool is not None else None

    def reopened(self, handle: int) -> None:
        """For the stream: another plane has it, under this handle."""
        self._handle = handle

    def go_on(self, out: Any) -> bool:
        """For the plane: another one has the stream, and is asked to record it into the same file; `out`
        gets the handle. What nobody recorded is silence; where none of it is written and it waited, it waits
        again. False where there is no file. Raises `OSError`, and what `Stream.record()` does."""
        if self.spool is None:
            return False
        began_s = self._written_since() if self.waits else self.began_s
        if began_s is not None:
            fill_up(self.spool, began_s)
        given = os.dup(self.spool)
        try:
            how = lib.plane_prepare_recording if began_s is None else lib.plane_record
            self._ask(how, self._handle, given, self._tag, out)
        except BaseException:
            os.close(given)
            raise
        if not out[0]:  # that plane is dead as well
            os.close(given)
        elif began_s is None and self._behind:
            self._ask(lib.plane_begin_recording, self._handle, out[0], self._behind)
        return True

    def named(self, recording: int) -> int:
        """For the plane: the handle of the recording from now on, which this returns."""
        self._recording = recording
        return recording

    def written(self, error: int) -> RecordingStats:
        """For the plane: what there is of it, where no plane will say so."""
        size = os.fstat(self.spool).st_size if self.spool is not None else 0
        return RecordingStats(samples=size // _SAMPLE_BYTES, lost=0, error=error)

    def end(self) -> None:
        """For the stream: it closed, or the plane did, and the recording with it."""
        self._going = False

    def __del__(self) -> None:
        if self.spool is not None:
            os.close(self.spool)

    def on_done(self, stats: RecordingStats) -> None:
        """For the plane: it is written."""
        self._going = False
        self.done = True
        if self.spool is not None:
            os.close(self.spool)
            self.spool = None
        self._on_done(stats)
