"""Recording a stream: what the peer says and what it is sent, mixed, in time with each other."""

import os
import stat
import time
from collections.abc import Callable
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


OnRecorded = Callable[[RecordingStats], None]
"""Hears, on the loop, that the last sample is with the kernel and the file is closed."""

Ask = Callable[..., object]


class Recorder:
    """One recording of a stream; made by `Stream.record()`."""

    __slots__ = (
        "_ask",
        "_going",
        "_handle",
        "_on_done",
        "_recording",
        "_tag",
        "began_s",
        "done",
        "spool",
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

    @property
    def going(self) -> bool:
        """Whether it has neither been stopped nor ended with its stream."""
        return self._going

    def stop(self) -> None:
        """End the recording; `on_done` follows. Does nothing once it has ended."""
        if self._going:
            self._going = False
            self._ask(lib.plane_record_stop, self._handle, self._recording)

    def take_spool(self, spool: int | None) -> None:
        """For the stream: an earlier switch began it, and this is its file."""
        self.spool = spool
        if spool is not None:
            written_s = os.fstat(spool).st_size / _SAMPLE_BYTES / SAMPLE_RATE
            self.began_s = time.monotonic() - written_s - _WRITTEN_AFTER_S

    def reopened(self, handle: int) -> None:
        """For the stream: another plane has it, under this handle."""
        self._handle = handle

    def go_on(self, out: Any) -> bool:
        """For the plane: another one has the stream, and is asked to record it into the same file; `out`
        gets the handle. What nobody recorded is silence. False where there is no file. Raises `OSError`,
        and what `Stream.record()` does."""
        if self.spool is None:
            return False
        fill_up(self.spool, self.began_s)
        given = os.dup(self.spool)
        try:
            self._ask(lib.plane_record, self._handle, given, self._tag, out)
        except BaseException:
            os.close(given)
            raise
        if not out[0]:  # that plane is dead as well
            os.close(given)
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
