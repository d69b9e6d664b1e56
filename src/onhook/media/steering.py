"""Steering a plane: commands go in, what happened comes out, and either side may be gone.

All of it is used from the event loop's thread.
"""

import asyncio
import contextlib
import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from onhook.media._plane import ffi, lib
from onhook.media.acknowledging import Acknowledging
from onhook.media.errors import BadRemote, NoPortLeft, NotRunning, QueueFull, StreamClosed
from onhook.media.handle import PlaneHandle

log = structlog.get_logger()

_EVENTS_AT_ONCE = 256  # then the loop gets a turn
_BELLS_AT_ONCE = 4096  # bytes of the pipe, each for a tick
_FLUSH_AFTER_S = 0.002  # the thread empties its command ring every millisecond
_NS = 1e-9
_OF_NO_CONSEQUENCE = frozenset({lib.PLANE_RTP_FIRST, lib.PLANE_REPORTED})
"""Nothing is written because of them; they are acknowledged with whatever comes next."""
_SCHEDULING = {lib.PLANE_FIFO: "fifo", lib.PLANE_NICE: "nice", lib.PLANE_NORMAL: "normal"}


@dataclass(frozen=True, slots=True)
class PlaneHealth:
    """How the media thread is doing."""

    calls: int
    skipped_rounds: int
    """How often all calls were set back by 20 ms, because the thread was too late."""
    late_max_s: float
    """The latest that a tick of 1 ms ever began."""
    scheduling: str
    """`fifo` (real time), `nice` or `normal`: the best that the system permitted."""
    refused: int
    """Commands that the plane could not follow: a fault of ours, or a lack of memory or descriptors, if it is
    not 0."""
    unauthentic: int
    """Packets of encrypted streams that were not: see `StreamStats`, as are"""
    replayed: int
    """those that came again."""
    waiting: int
    """Commands that the plane has not followed yet: a few, for a millisecond, if it is well."""


class Steering(ABC):
    """The switch's side of one plane after another; what is in them, the class that follows from it knows."""

    def __init__(self) -> None:
        self._plane: Any = None  # a PlaneHandle, but while there is none
        self._pid = 0
        self._bell = -1
        """What the plane rings; -1 while nobody hears it."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._events = ffi.new("struct plane_event[]", _EVENTS_AT_ONCE)
        self._newest_told = 0
        self.acknowledging = Acknowledging(self.acknowledge)
        """Of what the plane has told, up to where it may forget it."""
        self.tells = False
        """Whether what happens is told, and is to be in the next plane: `resume()` was called."""
        self._owed: list[tuple[int, Callable[[], None]]] = []
        """What planes before this one told, and is told once more: by its number."""
        self._ended = False
        """Its socket is at its end: it is over, and not only what it says nonsense."""
        self.on_taken: Callable[[int], None] | None = None
        """Hears, after what happened was told, the number of the newest of it: who has it says when all of
        that is on disk (`acknowledging.taken()`). Without one the plane is told at once."""
        self.event_at_hand = 0
        """The number of what is being told now, while a listener or a callback is called."""

    @property
    def running(self) -> bool:
        """Whether streams can be opened: it was started, and neither lost nor closed."""
        return self._plane is not None

    @property
    def pid(self) -> int:
        """Of the process that the plane is in. Raises `NotRunning`."""
        self._running()
        return self._pid

    @property
    def last_pid(self) -> int:
        """The same; where there is none now, that of the last one; 0 if there never was one."""
        return self._pid

    def _about(self) -> Any:
        out = ffi.new("struct plane_about *")
        self._running()(lib.plane_about, out)
        return out

    def health(self) -> PlaneHealth:
        """How the thread is doing. Raises `NotRunning`."""
        out = ffi.new("struct plane_health *")
        self._running()(lib.plane_health, out)
        return PlaneHealth(
            calls=out.calls,
            skipped_rounds=out.skipped_rounds,
            late_max_s=out.late_max_ns * _NS,
            scheduling=_SCHEDULING.get(out.scheduling, "unknown"),
            refused=out.refused,
            unauthentic=out.unauthentic,
            replayed=out.replayed,
            waiting=out.waiting,
        )

    def _running(self) -> Any:
        if self._plane is None:
            raise NotRunning("the media plane is not running")
        return self._plane

    def resume(self) -> None:
        """Tell what happens from now on, and before that what has not been acknowledged, the oldest first.
        Raises `NotRunning`."""
        self.tells = True
        if self._owed and self._loop is not None:
            self._loop.call_soon(self._tell_owed)
        plane = self._running()
        if self._loop is not None:
            self._bell = int(plane(lib.plane_event_fd))
            self._loop.add_reader(self._bell, self._on_readable)
            self._loop.call_soon(self._take_events)  # nobody rings for what is there already

    def owe(self, number: int, tell: Callable[[], None]) -> None:
        """A plane before this one told of something under this number, and what came of it is not on disk: it
        is told at `resume()`, ahead of all that is of this plane."""
        self._owed.append((number, tell))

    def _tell_owed(self) -> None:
        owed, self._owed = self._owed, []
        for number, tell in sorted(owed, key=lambda each: each[0]):
            self.event_at_hand = number
            try:
                tell()
            except Exception:
                log.exception("media_listener_failed", kind="owed")

    def acknowledge(self, number: int) -> None:
        """What came of all that was told up to this number (`on_taken`) is on disk: it is not told again to
        the next switch. Raises `ValueError` for what was not told yet."""
        if self._plane is not None and self._plane(lib.plane_acknowledge, number) < 0:
            raise ValueError("that was not told yet")

    @abstractmethod
    def _tell(self, event: Any) -> None:
        """Pass one event on (`struct plane_event`)."""

    @abstractmethod
    def _lose(self) -> None:
        """The plane is gone, and everything in it."""

    def _listen(self, plane: PlaneHandle, loop: asyncio.AbstractEventLoop) -> None:
        """Steer this plane from now on; nothing is told before `resume()`."""
        self._plane, self._newest_told = plane, 0
        self.acknowledging.begin()
        self._pid = int(self._about().pid)
        self._ended = False
        loop.add_reader(plane(lib.plane_control_fd), self._on_end)

    def _let_go(self) -> None:
        """Of the plane; it ends, if it is in this process, or hears of it."""
        if self._plane is None or self._loop is None:
            return
        if self._bell >= 0:
            self._loop.remove_reader(self._bell)
            self._bell = -1
        self._loop.remove_reader(self._plane(lib.plane_control_fd))
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        plane, self._plane = self._plane, None
        plane(lib.plane_stop)

    def _ask(self, command: Any, *arguments: Any) -> int:
        """Give the thread a command, and return what that does."""
        plane = self._plane or self._running()
        result: int = plane(command, *arguments)
        if result < 0:
            if result == -errno.EPIPE:
                return self._cannot_ask(command, *arguments)
            if result == -errno.EINVAL:
                raise BadRemote("not a unicast address in digits with a port")
            raise_for(result)
        elif result & lib.PLANE_HELD:
            self._flush_soon()
        return result

    def _cannot_ask(self, _command: Any, *_arguments: Any) -> int:
        """The plane is gone, or makes no sense, as turned out when it was asked for something."""
        self._lose_soon()
        raise NotRunning("the media plane is gone")

    def _call_soon(self, callback: Callable[[Any], None], argument: Any) -> None:
        """From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(callback, argument)

    def _flush_soon(self) -> None:
        if self._flush_timer is None and self._loop is not None:
            self._flush_timer = self._loop.call_later(_FLUSH_AFTER_S, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        result = self._plane(lib.plane_flush)
        if result == lib.PLANE_HELD:
            self._flush_soon()
        elif result < 0:
            self._lose_soon()

    def _on_readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._bell, _BELLS_AT_ONCE)
        self._take_events()

    def _on_end(self) -> None:
        """Nothing is ever sent by the plane's socket: it is over. What it told before counts."""
        if self._plane is not None:
            self._ended = True
            self._plane(lib.plane_is_gone)
        while self._plane is not None and self._take_events():
            pass
        self._lose()

    def _lose_soon(self) -> None:
        """What the plane wrote makes no sense; whoever asked is told first."""
        plane, loop = self._plane, self._loop
        if loop is not None and plane is not None:
            loop.call_soon(lambda: self._lose() if self._plane is plane else None)

    def _take_events(self) -> bool:
        """Pass some on. False: there are no more."""
        if self._plane is None:
            return False
        count = self._plane(lib.plane_take_events, self._events, _EVENTS_AT_ONCE)
        if count < 0:
            self._lose_soon()
            return False
        if count == _EVENTS_AT_ONCE and self._loop is not None:
            self._loop.call_soon(self._take_events)
        weighs = self.on_taken is None
        for index in range(count):
            event = self._events[index]
            self.event_at_hand = event.number
            weighs = weighs or event.kind not in _OF_NO_CONSEQUENCE
            self._tell(event)
            if self._plane is None:  # a listener closed the plane
                return False
        if weighs:
            self._told(self._plane(lib.plane_newest))
        return bool(count == _EVENTS_AT_ONCE)

    def _told(self, number: int) -> None:
        """All up to this number: whoever has to write first what came of it says when it is written."""
        if number == self._newest_told:
            return
        self._newest_told = number
        if self.on_taken is None:
            self._plane(lib.plane_acknowledge, number)
        else:
            self.on_taken(number)


def raise_for(result: int) -> None:
    """Raise what a negative errno stands for."""
    if result >= 0:
        return
    if result == -errno.EUSERS:
        raise NoPortLeft("the media plane has no place for another call")
    if result == -errno.ENOENT:
        raise StreamClosed("the stream is closed")
    if result == -errno.ENOBUFS:
        raise QueueFull("too many prompts are waiting")
    raise OSError(-result, os.strerror(-result))
