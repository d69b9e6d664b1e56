"""From one plane to the next: what is in it, and what becomes of that when it dies."""

import asyncio
import errno
import os
import select
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any
from weakref import WeakSet

import structlog

from onhook.media._plane import ffi, lib
from onhook.media.agreed import Agreed
from onhook.media.errors import MediaError
from onhook.media.held import HeldSockets
from onhook.media.known_files import KnownFiles
from onhook.media.ports import PortPool
from onhook.media.recorder import Recorder
from onhook.media.remains import Heard
from onhook.media.revival import (
    NEXT_PLANE_S,
    Deaths,
    Outlived,
    bound,
    figures,
    outlive,
    with_sockets,
)
from onhook.media.room import Room
from onhook.media.sockets import Host, Pair
from onhook.media.steering import Steering
from onhook.media.stream import Stream, StreamStats

log = structlog.get_logger()


class RevivingPlane(Steering):
    """Streams, rooms and recordings of one plane after another (`revival.py`)."""

    def __init__(self, hosts: Sequence[Host], pool: "PortPool[tuple[Pair, ...]]") -> None:
        super().__init__()
        self._hosts, self._pool = hosts, pool
        self.held = HeldSockets()
        """The sockets of all streams, of a plane that is a process of its own."""
        self._on_lost: Callable[[], None] | None = None
        self.on_reopened: Callable[[], None] | None = None
        """Hears that another plane has all streams that there are: it is another process, and what is to be
        written of them has changed."""
        self._files = KnownFiles(self._ask, self._call_soon)
        self._streams: dict[int, Stream] = {}
        self._rooms: WeakSet[Room] = WeakSet()
        self._recorders: dict[int, Recorder] = {}  # by the handles of their recordings
        self._deaths = Deaths()
        self._outlived: dict[Stream, Outlived] = {}
        self._between: asyncio.TimerHandle | None = None
        """Until when the next plane is waited for."""
        self._over = False
        """The plane was found dead when it was asked for something, and the loop has not seen that yet."""
        self._told_before = 0
        self._nobodys_handles = count(-1, -1)

    # Losing -------------------------------------------------------------------------------------

    def _lose(self) -> None:
        """The plane is gone: of one that died streams are opened again in the next."""
        if self._plane is None:
            return
        self._over = False
        again = self._ended and self._deaths.another()
        log.error(
            "media_plane_lost",
            streams=len(self._streams),
            recordings=len(self._recorders),
            opened_again=again,
        )
        if again:
            self._wait_for_next()
        else:
            self._lose_all({each: self._figures(at) for at, each in self._streams.items()})

    def _wait_for_next(self) -> None:
        for handle, stream in tuple(self._streams.items()):
            if stream in self._outlived:
                continue
            if stream.is_open:
                self._outlived[stream] = outlive(self._plane, handle, stream)
            else:
                self._close_between(handle, self._figures(handle))
        self._told_before = self._plane(lib.plane_newest)
        self._let_go()
        self._files.forget()
        for recording, recorder in tuple(self._recorders.items()):
            if not recorder.going:
                self._recorded_between(recording)
        self._outlived = {
            each: with_sockets(it, self._sockets_of) for each, it in self._outlived.items()
        }
        if self._loop is not None:
            self._between = self._loop.call_later(NEXT_PLANE_S, self._give_up)

    def _figures(self, handle: int) -> StreamStats:
        return figures(self._plane, handle) if handle > 0 else _NOTHING

    def _give_up(self) -> None:
        """No plane comes."""
        self._between = None
        self._lose_all(dict.fromkeys(self._streams.values(), _NOTHING))

    def _lose_all(self, lost: dict[Stream, StreamStats]) -> None:
        recorders = tuple(self._recorders.values())
        self._let_go()
        for each in self._outlived.values():
            each.let_go()
        self._outlived.clear()
        self._streams.clear()
        for stream in lost:
            stream.abandon()
            self._give_back(stream.port)
        self._forget()
        for recorder in recorders:
            tell(recorder.on_done, recorder.written(errno.EPIPE))
        for stream, stats in lost.items():
            tell(stream.on_closed, stats)
        if self._on_lost is not None:
            self._on_lost()

    def _forget(self) -> None:
        """What was in the plane."""
        for room in tuple(self._rooms):
            room.abandon()
        self._rooms.clear()
        self._recorders.clear()
        self._files.forget()

    def _sockets_of(self, port: int, agreed: Agreed) -> Pair:
        pair = self.held.again(port)
        if pair is None:
            pair = bound(port, agreed, self._hosts)
            self.held.hold(port, pair)
        return pair

    def _give_back(self, port: int) -> None:
        self.held.let_go(port)
        self._pool.give_back(port)

    # Between one plane and the next -------------------------------------------------------------

    def _ask(self, command: Any, *arguments: Any) -> int:
        """Give the thread a command, and return what that does. Where one plane is dead, and the next is
        not there yet, what is asked is known when it is."""
        if self._between is not None or self._over:
            return self._ask_nobody(command, *arguments)
        return super()._ask(command, *arguments)

    def _cannot_ask(self, command: Any, *arguments: Any) -> int:
        """It is dead, and the loop has not seen that yet."""
        if self._loop is not None and self._plane is not None and _is_over(self._plane):
            self._over = True
            self._loop.call_soon(self._on_end)
            return self._ask_nobody(command, *arguments)
        return super()._cannot_ask(command, *arguments)

    def _ask_nobody(self, command: Any, *arguments: Any) -> int:
        if self._loop is not None and command == lib.plane_close:
            self._loop.call_soon(self._close_between, arguments[0], _NOTHING)
        if self._loop is not None and command == lib.plane_record_stop:
            self._loop.call_soon(self._recorded_between, arguments[1])
        if command == lib.plane_report and arguments[1].fd > 0:
            os.close(arguments[1].fd)  # nobody took it: it is bound anew
        return 0

    def _wait_with(self, stream: Stream, pair: Pair, heard: Heard) -> None:
        """It is new, and has no plane yet."""
        stream.wait()
        self._outlived[stream] = Outlived(stream, 0, 0, heard, pair)

    def _close_between(self, handle: int, stats: StreamStats) -> None:
        """A stream was closed, and there is no plane that would say so."""
        stream = self._streams.get(handle)
        if stream is None or stream.is_open or (self._plane is not None and not self._ended):
            return
        del self._streams[handle]
        outlived = self._outlived.pop(stream, None)
        if outlived is not None:
            outlived.let_go()
        stream.silence()
        self._give_back(stream.port)
        for recording, recorder in tuple(self._recorders.items()):
            if recorder in stream._recorders:
                self._recorded_between(recording)
        tell(stream.on_closed, stats)

    def _recorded_between(self, recording: int) -> None:
        recorder = self._recorders.get(recording)
        if recorder is not None and not recorder.going and (self._plane is None or self._ended):
            del self._recorders[recording]
            tell(recorder.on_done, recorder.written(0))

    # The next one -------------------------------------------------------------------------------

    def _reopen(self) -> None:
        """The next plane is there, and has nothing yet."""
        if self._between is None:
            return
        self._between.cancel()
        self._between = None
        self._running()(lib.plane_count_from, self._told_before)
        self._newest_told = self._told_before
        self._streams = {}
        failed = [
            each.stream for each in tuple(self._outlived.values()) if not self._reopened(each)
        ]
        if any(handle < 0 for handle in self._streams):
            self._wait_for_another()
            return
        for room in tuple(self._rooms):
            self._reopen_room(room)
        for stream in self._streams.values():
            if stream._bridged is not None:
                self._ask(lib.plane_bridge, stream._handle, stream._bridged._handle)
        self._record_again()
        now_s = time.monotonic()
        for each in tuple(self._outlived.values()):
            if each.stream.is_open and each.stream not in failed:
                tell(partial(each.stream.play_on, each.play_id, each.progress), now_s)
        self._outlived.clear()
        log.info("media_reopened", streams=len(self._streams), failed=len(failed))
        for stream in failed:
            stream.abandon()
            self._give_back(stream.port)
            tell(stream.on_closed, _NOTHING)
        if self.on_reopened is not None:
            self.on_reopened()
        if failed and self._on_lost is not None:
            self._on_lost()

    def _wait_for_another(self) -> None:
        """The next plane died while streams were opened in it: all wait on, as they were left by the one
        before."""
        waiting = set(self._streams.values())
        for stream in self._outlived:
            stream.wait()
            if stream not in waiting:
                self._streams[next(self._nobodys_handles)] = stream

    def _reopened(self, outlived: Outlived) -> bool:
        stream = outlived.stream
        if not stream.is_open:
            del self._outlived[stream]
            outlived.let_go()
            self._give_back(stream.port)
            tell(stream.on_closed, _NOTHING)
            return True
        try:
            handle, pair = outlived.reopened(self._ask, self._sockets_of)
        except (MediaError, OSError, ValueError) as error:
            log.warning("media_not_reopened", port=stream.port, reason=str(error))
            return False
        self._outlived[stream] = outlived._replace(pair=pair)
        self._streams[handle or next(self._nobodys_handles)] = stream
        return True

    def _reopen_room(self, room: Room) -> None:
        if not room.is_open:
            return
        out = ffi.new("uint64_t *")
        self._ask(lib.plane_open_room, out)
        room.reopened(out[0])

    def _record_again(self) -> None:
        recorders, self._recorders = self._recorders, {}
        going = {recorder for stream in self._streams.values() for recorder in stream._recorders}
        for recorder in recorders.values():
            recording = self._recorded_again(recorder) if recorder in going else None
            if recording is None:
                tell(recorder.on_done, recorder.written(0 if not recorder.going else errno.EPIPE))
            else:
                self._recorders[recording] = recorder

    def _recorded_again(self, recorder: Recorder) -> int | None:
        if not recorder.going:
            return None
        out = ffi.new("uint64_t *")
        try:
            if recorder.go_on(out):
                return recorder.named(int(out[0]) or next(self._nobodys_handles))
        except (MediaError, OSError) as error:
            log.warning("recording_not_gone_on_with", reason=str(error))
        return None


_NOTHING = StreamStats._make((0,) * len(StreamStats._fields))


def _is_over(plane: Any) -> bool:
    """Whether its socket is at its end."""
    control = select.poll()
    control.register(plane(lib.plane_control_fd), select.POLLIN)
    return bool(control.poll(0))


def tell(listener: Callable[[Any], None], what: object) -> None:
    """One that fails must not cost the others what they are to hear."""
    try:
        listener(what)
    except Exception:
        log.exception("media_listener_failed", kind="lost")
