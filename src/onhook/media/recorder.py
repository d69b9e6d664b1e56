"""Recording a stream: what the peer says and what it is sent, mixed, in time with each other."""

from collections.abc import Callable
from dataclasses import dataclass

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


OnRecorded = Callable[[RecordingStats], None]
"""Hears, on the loop, that the last sample is with the kernel and the file is closed."""

Ask = Callable[..., object]


class Recorder:
    """One recording of a stream; made by `Stream.record()`."""

    __slots__ = ("_ask", "_going", "_handle", "_on_done", "_recording", "done")

    def __init__(self, ask: Ask, handle: int, recording: int, on_done: OnRecorded) -> None:
        self._ask = ask
        self._handle = handle
        self._recording = recording
        self._on_done = on_done
        self._going = True
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

    def end(self) -> None:
        """For the stream: it closed, or the plane did, and the recording with it."""
        self._going = False

    def on_done(self, stats: RecordingStats) -> None:
        """For the plane: it is written."""
        self._going = False
        self.done = True
        self._on_done(stats)
