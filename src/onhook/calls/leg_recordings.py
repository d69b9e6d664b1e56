"""The recordings of one leg of a call: their files, and what an earlier process had begun."""

import asyncio
from collections.abc import Mapping, Set
from functools import partial
from typing import Final, Protocol

import structlog

from onhook.calls.playing import tag_of
from onhook.media.found import FoundStream
from onhook.media.recorder import Recorder, RecordingStats
from onhook.media.stream import Stream

log = structlog.get_logger()

_WANTED_S: Final = 10.0
"""What an earlier process had begun to record is asked for again within this time, or by nobody."""


class Spools(Protocol):
    """Where recordings are written."""

    def open_spool(self, name: str) -> int:
        """A descriptor to write samples to; whoever writes closes it. Raises OSError."""

    def go_on(self, name: str) -> None:
        """It is being written since before this process."""

    def open_again(self, name: str) -> int | None:
        """A descriptor to append to what is being written; None if there is none."""

    def spooled(self) -> list[str]:
        """The names of all that are being written, or were. Raises OSError."""

    def finish(self, name: str, stats: RecordingStats | None = None) -> None:
        """All samples are there: make what can be fetched of them."""


class LegRecordings:
    """Those of one leg. A full disk stops no call: what cannot be recorded stands in the log."""

    def __init__(self, spools: Spools) -> None:
        self._spools = spools
        self._going_on: dict[str, Recorder] = {}
        self._begun: dict[str, Recorder] = {}
        """Those that an earlier process had begun, and not written to have begun."""

    @property
    def going_on(self) -> Mapping[str, Recorder]:
        """By their names, in the order in which they began."""
        return self._going_on

    def begin(self, stream: Stream, name: str) -> None:
        """Records both sides under this name; goes on if that had begun before."""
        begun = self._begun.pop(name, None)
        if begun is not None:  # what led to it was told to an earlier process, too
            self._going_on[name] = begun
            return
        try:
            descriptor = self._spools.open_spool(name)
        except OSError as error:
            log.error("recording_not_begun", reason=error.strerror)
            return
        self._going_on[name] = stream.record(
            descriptor, partial(self._recorded, name), tag=tag_of(name)
        )

    def stop(self, name: str) -> None:
        """It is complete."""
        recorder = self._going_on.pop(name, None)
        if recorder is not None:
            recorder.stop()

    def take_over(
        self, stream: Stream, found: FoundStream, began_s: Mapping[str, float | None]
    ) -> None:
        """Goes on with those that are written to go on, and when they began; and with what the plane records
        besides: it is ending, or has just begun, and what began it is told again, or is asked for again under
        the same key."""
        for name, began in began_s.items():
            self._take_over(stream, name, found, began)
        tags = found.recordings.keys() - map(tag_of, began_s)
        if tags:
            self._keep_begun(stream, tags)

    def _take_over(
        self, stream: Stream, name: str, found: FoundStream, began_s: float | None
    ) -> None:
        tag, spool = tag_of(name), self._spools.open_again(name)
        recorded = partial(self._recorded, name)
        if tag in found.recordings:
            self._spools.go_on(name)
            self._going_on[name] = stream.adopt_recording(tag, recorded, spool=spool)
        elif spool is not None:
            self._spools.go_on(name)
            self._going_on[name] = stream.record(spool, recorded, tag=tag, began_s=began_s)
        else:
            self.begin(stream, name)

    def _keep_begun(self, stream: Stream, tags: Set[int]) -> None:
        for name in self._spools.spooled():
            if tag_of(name) in tags:
                self._spools.go_on(name)
                self._begun[name] = stream.adopt_recording(
                    tag_of(name), partial(self._recorded, name), spool=self._spools.open_again(name)
                )
        asyncio.get_running_loop().call_later(_WANTED_S, self._let_go_of_begun)

    def _let_go_of_begun(self) -> None:
        for recorder in list(self._begun.values()):
            recorder.stop()

    def _recorded(self, name: str, stats: RecordingStats) -> None:
        self._going_on.pop(name, None)
        self._begun.pop(name, None)
        self._spools.finish(name, stats)
