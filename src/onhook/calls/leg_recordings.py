"""The recordings of one leg of a call: their files, and what an earlier process had begun."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol

import structlog

from onhook.calls.playing import tag_of
from onhook.media.errors import MediaError
from onhook.media.found import FoundStream
from onhook.media.recorder import Recorder, RecordingStats
from onhook.media.stream import Stream

log = structlog.get_logger()

_WANTED_S: Final = 10.0
"""What an earlier process had begun to record is asked for again within this time, or by nobody."""


class Spools(Protocol):
    """Where recordings are written."""

    def open_spool(self, name: str, *, waits: bool = False) -> int:
        """A descriptor to write samples to; whoever writes closes it. One that waits counts for nothing
        before ``begin()``. Raises OSError."""

    def begin(self, name: str) -> None:
        """One that waited has begun, or had in an earlier process: it counts."""

    def go_on(self, name: str) -> bool:
        """It is being written since before this process. Whether it still waits to begin."""

    def open_again(self, name: str) -> int | None:
        """A descriptor to append to what is being written; None if there is none."""

    def spooled(self) -> list[str]:
        """The names of all that are being written, or were. Raises OSError."""

    def finish(self, name: str, stats: RecordingStats | None = None) -> None:
        """All samples are there: make what can be fetched of them; nothing, if it still waits."""


@contextmanager
def _only_logged(event: str) -> Iterator[None]:
    """What fails here stands in the log, and is left undone."""
    try:
        yield
    except OSError as error:  # not all of it: the path of the file is as secret as its link
        log.error(event, reason=error.strerror)
    except (MediaError, LookupError) as error:
        log.error(event, reason=str(error))


class LegRecordings:
    """Those of one leg. Neither a full disk nor a media plane that takes no more stops a call: what cannot be
    recorded stands in the log, and where its link was told, that leads to silence."""

    def __init__(self, spools: Spools) -> None:
        self._spools = spools
        self._going_on: dict[str, Recorder] = {}
        self._waiting: dict[str, Recorder] = {}
        """Those that nobody has said to have begun: they were prepared, or an earlier process had begun
        them."""
        self._nobodys: set[str] = set()
        """Of these, those that are not written of anywhere, and are to be asked for again."""

    @property
    def going_on(self) -> Mapping[str, Recorder]:
        """By their names, in the order in which they began."""
        return self._going_on

    def prepare(self, stream: Stream, name: str) -> None:
        """Has all that it takes to record both sides under this name ready in the media plane, which begins
        by itself where it is told to (``begin_behind()``), though this process be dead by then. Nothing the
        second time."""
        self._nobodys.discard(name)
        if name in self._waiting or name in self._going_on:
            return
        with _only_logged("recording_not_prepared"):
            self._prepare(stream, name, self._spools.open_spool(name, waits=True))

    def _prepare(self, stream: Stream, name: str, spool: int) -> None:
        # `begin()` tries again, which is all that a plane of an older version can do (ENOSYS).
        with _only_logged("recording_not_prepared"), self._given(name, spool):
            self._waiting[name] = stream.record(
                spool, partial(self._recorded, name), tag=tag_of(name), waits=True
            )

    def _record(self, stream: Stream, name: str, spool: int, began_s: float | None = None) -> None:
        with _only_logged("recording_not_begun"), self._given(name, spool):
            self._going_on[name] = stream.record(
                spool, partial(self._recorded, name), tag=tag_of(name), began_s=began_s
            )

    @contextmanager
    def _given(self, name: str, spool: int) -> Iterator[None]:
        """The descriptor is the plane's, unless this fails: then that was all of the recording."""
        try:
            yield
        except (OSError, MediaError):
            os.close(spool)
            self._spools.finish(name)
            raise

    def begin_behind(self, name: str, play_id: int) -> None:
        """One that was prepared begins where this message of the stream ends, or where it is told to
        before."""
        if name in self._waiting:
            with _only_logged("recording_not_prepared"):
                self._waiting[name].begin_behind(play_id)

    def begin_unsaid(self, name: str) -> None:
        """One that was prepared begins now; whether anybody may hear it, ``begin()`` says."""
        if name in self._waiting:
            with _only_logged("recording_not_prepared"):
                self._waiting[name].begin()

    def begin(self, stream: Stream, name: str) -> None:
        """Records both sides under this name; goes on if that had begun before, in this process or
        another."""
        if name in self._waiting:
            waiting = self._going_on[name] = self._waiting.pop(name)
            with _only_logged("recording_not_begun"):
                waiting.begin()
            self._spools.begin(name)
        elif name not in self._going_on:
            self._begin_anew(stream, name)

    def _begin_anew(self, stream: Stream, name: str) -> None:
        try:
            spool = self._spools.open_spool(name)
        except OSError as error:
            log.error("recording_not_begun", reason=error.strerror)
            if not isinstance(error, FileExistsError):  # whoever writes to it finishes it
                self._spools.finish(name)
        else:
            self._record(stream, name, spool)

    def stop(self, name: str) -> None:
        """It is complete."""
        recorder = self._going_on.pop(name, None)
        if recorder is not None:
            recorder.stop()

    def take_over(
        self,
        stream: Stream,
        found: FoundStream,
        began_s: Mapping[str, float | None],
        prepared: str = "",
    ) -> None:
        """Goes on with those that are written to go on, and when they began; with the one that was
        ``prepared``, or was to be, for the block that runs; and with what the plane records besides: it is
        ending, or has just begun, and what began it is told again, or is asked for again under the same
        key."""
        for name, began in began_s.items():
            self._take_over(stream, name, found, began)
        if prepared and prepared not in began_s:
            self._take_over_waiting(stream, prepared, found)
        tags = found.recordings.keys() - map(tag_of, (*began_s, prepared))
        if tags:
            self._keep_nobodys(stream, found, tags)

    def _take_over(
        self, stream: Stream, name: str, found: FoundStream, began_s: float | None
    ) -> None:
        spool = self._spools.open_again(name)
        recorder = self._adopted(stream, name, found, spool)
        if recorder is not None:
            self._going_on[name] = recorder
            self._spools.begin(name)
        elif spool is not None:
            self._spools.begin(name)
            self._record(stream, name, spool, began_s)
        else:
            self.begin(stream, name)

    def _take_over_waiting(self, stream: Stream, name: str, found: FoundStream) -> None:
        spool = self._spools.open_again(name)
        if spool is None:
            return
        waits = self._spools.go_on(name)
        recorder = self._adopted(stream, name, found, spool, waits=waits)
        if recorder is not None:
            self._waiting[name] = recorder
        else:
            self._prepare(stream, name, spool)

    def _adopted(
        self,
        stream: Stream,
        name: str,
        found: FoundStream,
        spool: int | None,
        *,
        waits: bool = False,
    ) -> Recorder | None:
        """What the plane records already; None where it does not, or it cannot be had, which is no reason to
        end the call. The descriptor is the stream's only where there is one."""
        tag, recorded = tag_of(name), partial(self._recorded, name)
        if tag in found.recordings:
            with _only_logged("recording_not_taken_over"):
                return stream.adopt_recording(tag, recorded, spool=spool, waits=waits)
        return None

    def _keep_nobodys(self, stream: Stream, found: FoundStream, tags: Set[int]) -> None:
        names: list[str] = []
        with _only_logged("recordings_not_found"):
            names = self._spools.spooled()
        for name in names:
            if tag_of(name) in tags:
                self._keep_one_of_nobody(stream, name, found)
        asyncio.get_running_loop().call_later(_WANTED_S, self._let_go_of_nobodys)

    def _keep_one_of_nobody(self, stream: Stream, name: str, found: FoundStream) -> None:
        spool, waits = self._spools.open_again(name), self._spools.go_on(name)
        recorder = self._adopted(stream, name, found, spool, waits=waits)
        if recorder is not None:
            self._waiting[name] = recorder
            self._nobodys.add(name)
            return
        if spool is not None:
            os.close(spool)
        self._spools.finish(name)

    def _let_go_of_nobodys(self) -> None:
        for name in self._nobodys & self._waiting.keys():
            self._waiting[name].stop()
        self._nobodys.clear()

    def _recorded(self, name: str, stats: RecordingStats) -> None:
        self._going_on.pop(name, None)
        self._waiting.pop(name, None)
        self._spools.finish(name, stats)
