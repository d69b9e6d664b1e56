"""The media plane, for asyncio: ports, streams, and what happens on them.

Behind a `MediaPlane` is a thread (`native/thread.c`) that sends and receives the RTP of every call: of this
process, or of one of its own, which it has a link to (`link.py`). A `Stream`
(`stream.py`) is one call's. All of it is used from the event loop's thread; every call returns within
microseconds, and what comes of it is told to the stream's `StreamListener`, on the loop.

    port = plane.reserve()                     # before the SDP is written
    stream = plane.open(port, remote=("192.0.2.7", 4000), codec=Codec.PCMA,
                        dtmf_payload_type=101, listener=listener)
    stream.play([greeting, question], on_played)
    stream.close()                             # then listener.closed(stats)
"""

import asyncio
import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import structlog

from onhook.media._plane import ffi, lib
from onhook.media.errors import (
    BadLink,
    BadRemote,
    NoPortLeft,
    NotRunning,
    QueueFull,
    StreamClosed,
)
from onhook.media.g711 import Codec
from onhook.media.known_files import KnownFiles
from onhook.media.link import PlaneLink
from onhook.media.ports import PortPool
from onhook.media.recorder import OnRecorded, Recorder, RecordingStats
from onhook.media.room import Room
from onhook.media.sockets import Host, Pair, bind_pairs, close_pairs, hosts_of
from onhook.media.srtp import Protection, plane_keys
from onhook.media.stream import (
    Latching,
    Stream,
    StreamListener,
    StreamStats,
    peer_address,
    plane_format,
    plane_latching,
)

log = structlog.get_logger()

NOWHERE_ELSE = Latching()
"""The peer is where its SDP says."""
_EVENTS_AT_ONCE = 256  # then the loop gets a turn
_BELLS_AT_ONCE = 4096  # bytes of the pipe, each for a tick
_FLUSH_AFTER_S = 0.002  # the thread empties its command ring every millisecond
_RING = 16384
_NS = 1e-9
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


class PortReservation:
    """A bound port, and the one above it for RTCP, that no stream uses yet. `release()` it, or give it
    to `MediaPlane.open()`."""

    __slots__ = ("_given_back", "_pairs", "port")

    port: int
    """The local port, for the SDP."""

    def __init__(
        self,
        port: int,
        pairs: Sequence[tuple[Host, Pair]],
        given_back: "Callable[[PortReservation], None]",
    ) -> None:
        self.port = port
        self._pairs = tuple(pairs)
        self._given_back = given_back

    def release(self) -> None:
        """Close the sockets. Does nothing the second time, and once a stream has them."""
        if self._pairs:
            close_pairs([pair for _, pair in self._pairs])
            self._pairs = ()
            self._given_back(self)

    def _pair_for(self, ip: str) -> Pair:
        """The sockets from which a peer is reached. Raises `BadRemote`, and `ValueError` if there are none
        any more."""
        if not self._pairs:
            raise ValueError("the reservation was released or used before")
        for host, pair in self._pairs:
            if host.reaches(ip):
                return pair
        raise BadRemote(f"audio is not sent by IPv{6 if ':' in ip else 4}")

    def _hand_over(self, taken: Pair) -> None:
        """The plane owns these sockets now, and nobody the others."""
        close_pairs([pair for _, pair in self._pairs if pair is not taken])
        self._pairs = ()


class MediaPlane:
    """The media of all calls of this process.

    The plane may die, if it is a process of its own: then all streams are closed (each tells its listener),
    ports given back, what was recorded is told of with `EPIPE`, and `on_lost` is called, once. From then on
    `open()` raises `NotRunning`, until `attach()` gives it another one.

    `host` is the address to bind in digits (`0.0.0.0` or `::` for all), or one of IPv4 and one of IPv6;
    `ports` the range of which even ones are used, and the odd ones above them for RTCP, `rtp_timeout_s`
    the silence after which a listener is told (0: never). A plane in this process has so many `threads` that
    send and receive, and uses another one once those before have `calls_a_thread`; `one_by_one`, their
    packets do not leave by io_uring. Raises `ValueError` for a range without an even port and the one
    above it.
    """

    def __init__(
        self,
        *,
        host: str | Sequence[str],
        ports: range,
        rtp_timeout_s: float = 0,
        ring_size: int = _RING,
        threads: int = 1,
        calls_a_thread: int = 1000,
        one_by_one: bool = False,
    ) -> None:
        self._hosts = hosts_of([host] if isinstance(host, str) else host)
        self._pool = PortPool(ports, bind=self._bind, start=secrets.randbelow(65536))
        self._rtp_timeout_ms = round(rtp_timeout_s * 1000)
        self._ring_size = ring_size
        self._threads, self._calls_a_thread = threads, calls_a_thread
        self._one_by_one = one_by_one
        self._plane: Any = None
        self._on_lost: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._files = KnownFiles(self._ask, self._call_soon)
        self._streams: dict[int, Stream] = {}
        self._rooms: WeakSet[Room] = WeakSet()
        self._recorders: dict[int, Recorder] = {}  # by the handles of their recordings
        self._reserved: set[PortReservation] = set()
        self._events = ffi.new("struct plane_event[]", _EVENTS_AT_ONCE)

    @property
    def capacity(self) -> int:
        """How many calls the port range has room for."""
        return self._pool.capacity

    @property
    def ports_used(self) -> int:
        """How many ports are reserved or have a stream."""
        return self._pool.used

    def reaches(self, ip: str) -> bool:
        """Whether audio can be sent to a numeric address: there is a socket of its family."""
        return any(host.reaches(ip) for host in self._hosts)

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        link: PlaneLink | None = None,
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        """Begin, with a plane of another process or, without a link, in threads of this one; events are told
        on `loop`. The link is the plane's from now on. Raises `OSError`, and `BadLink` for what is no link to
        a plane of this version."""
        if self._plane is not None:
            raise RuntimeError("the media plane is running")
        self._loop, self._on_lost = loop, on_lost
        self.attach(link)

    def attach(self, link: PlaneLink | None = None) -> None:
        """Go on with another plane: the one before is lost, if that was not noticed yet. Raises what
        `start()` does."""
        if self._loop is None:
            raise RuntimeError("the media plane was not started")
        if self._plane is not None:
            self._on_end()
        self._plane = self._start_here() if link is None else _attach_to(link)
        self._loop.add_reader(lib.plane_event_fd(self._plane), self._on_readable)
        self._loop.add_reader(lib.plane_control_fd(self._plane), self._on_end)
        sockets, needed = self._about().sockets, 2 * self.capacity
        if sockets < needed:
            log.warning("media_sockets_short", sockets=sockets, needed=needed)

    @property
    def running(self) -> bool:
        """Whether streams can be opened: it was started, and neither lost nor closed."""
        return self._plane is not None

    @property
    def calls_at_most(self) -> int:
        """How many calls there can be: the port range has room for them, and the plane's process sockets, two
        a call. Raises `NotRunning`."""
        about = self._about()
        return int(min(self.capacity, about.max_calls, about.sockets // 2))

    @property
    def pid(self) -> int:
        """Of the process that the plane is in. Raises `NotRunning`."""
        return int(self._about().pid)

    def _about(self) -> Any:
        out = ffi.new("struct plane_about *")
        lib.plane_about(self._running(), out)
        return out

    def _start_here(self) -> Any:
        config = {
            "max_calls": self._pool.capacity,
            "rtp_timeout_ms": self._rtp_timeout_ms,
            "command_ring": self._ring_size,
            "event_ring": self._ring_size,
            "threads": self._threads,
            "plenty": self._calls_a_thread,
            "one_by_one": self._one_by_one,
        }
        out = ffi.new("plane **")
        _raise_for(lib.plane_start(out, ffi.new("struct plane_config *", config)))
        return out[0]

    def close(self) -> None:
        """End the threads and close every socket. Listeners hear nothing more.

        Recordings are written to their end: this may wait for the disk.
        """
        self._let_go()
        for stream in self._streams.values():
            stream.abandon()
            self._pool.give_back(stream.port)
        self._streams.clear()
        self._forget()
        for reservation in tuple(self._reserved):
            reservation.release()

    def _let_go(self) -> None:
        """Of the plane; it ends, if it is in this process, or hears of it."""
        if self._plane is None or self._loop is None:
            return
        self._loop.remove_reader(lib.plane_event_fd(self._plane))
        self._loop.remove_reader(lib.plane_control_fd(self._plane))
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        plane, self._plane = self._plane, None
        lib.plane_stop(plane)

    def _forget(self) -> None:
        """What was in the plane."""
        for room in tuple(self._rooms):
            room.abandon()
        self._rooms.clear()
        self._recorders.clear()
        self._files.forget()

    def reserve(self) -> PortReservation:
        """Bind a port for a call to come. Raises `NoPortLeft`, and `OSError` for a bad host."""
        port, pairs = self._pool.take()
        by_host = tuple(zip(self._hosts, pairs, strict=True))
        reservation = PortReservation(port, by_host, self._on_released)
        self._reserved.add(reservation)
        return reservation

    def open(
        self,
        reservation: PortReservation,
        *,
        remote: tuple[str, int],
        codec: Codec,
        dtmf_payload_type: int | None,
        dtmf_from_peer: int | None = None,
        on_hold: bool = False,
        payload_type: int | None = None,
        comfort_noise: bool = False,
        sends_reports: bool = True,
        packet_ms: int = lib.PLANE_FRAME_MS,
        remote_rtcp: tuple[str, int] | None = None,
        rtcp_mux: bool = False,
        latching: Latching = NOWHERE_ELSE,
        protection: Protection | None = None,
        listener: StreamListener,
    ) -> Stream:
        """Make a stream of a reserved port. It begins to listen, and to send: silence, where it
        plays nothing.

        `remote` is the address in the peer's SDP, in digits; `latching` that of `Stream.latch()`;
        `remote_rtcp` and `rtcp_mux` are those of `Stream.set_rtcp()`, `protection` that of
        `Stream.protect()`; the
        other parameters are those of `Stream.agree()`. Raises `BadRemote`, `NotRunning`, and `ValueError`
        for a reservation that was released or used, or a payload type out of range; the reservation is
        then still the caller's.
        """
        pair = reservation._pair_for(remote[0])
        format = plane_format(
            codec,
            dtmf_payload_type,
            dtmf_from_peer,
            on_hold=on_hold,
            payload_type=payload_type,
            comfort_noise=comfort_noise,
            sends_reports=sends_reports,
            packet_ms=packet_ms,
        )
        host, port = peer_address(remote)
        address = ffi.new("char[]", host)  # must outlive the call below, as must what is beside it
        latch, _memory = plane_latching(latching)
        how = {
            "fd": pair[0],
            "remote_ip": address,
            "remote_port": port,
            "format": format,
            "latching": latch,
            "ssrc": secrets.randbits(32),
            "timestamp": secrets.randbits(32),
            "sequence": secrets.randbits(15),
        }
        handle = ffi.new("uint64_t *")
        with plane_keys(protection) as (send, receive):
            how |= {"send_key": send, "receive_key": receive}
            self._ask(lib.plane_open, ffi.new("struct plane_call *", how), handle)
        reservation._hand_over(pair)
        self._reserved.discard(reservation)
        stream = Stream(
            self._ask,
            self._record,
            handle=handle[0],
            port=reservation.port,
            codec=codec,
            sends_events=dtmf_payload_type is not None,
            packet_ms=packet_ms,
            protection=protection,
            listener=listener,
            files=self._files,
        )
        self._streams[handle[0]] = stream
        stream.start_rtcp(pair[1], remote_rtcp, mux=rtcp_mux)
        return stream

    def open_room(self) -> Room:
        """Make an empty room; close it when it is over. Raises `NotRunning`, `MemoryError`."""
        out = ffi.new("uint64_t *")
        self._ask(lib.plane_open_room, out)
        room = Room(self._ask, out[0])
        self._rooms.add(room)
        return room

    def health(self) -> PlaneHealth:
        """How the thread is doing. Raises `NotRunning`."""
        out = ffi.new("struct plane_health *")
        lib.plane_health(self._running(), out)
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

    def _bind(self, port: int) -> tuple[Pair, ...]:
        return bind_pairs(self._hosts, port)

    def _ask(self, command: Any, *arguments: Any) -> int:
        """Give the thread a command, and return what that does."""
        result: int = command(self._running(), *arguments)
        if result > 0 and result & lib.PLANE_HELD:
            self._flush_soon()
        elif result == -errno.EPIPE:
            self._lose_soon()
            raise NotRunning("the media plane is gone")
        elif result == -errno.EINVAL:
            raise BadRemote("not a unicast address in digits with a port")
        else:
            _raise_for(result)
        return result

    def _record(self, handle: int, fd: int, on_done: OnRecorded) -> Recorder:
        if fd < 0:
            raise ValueError("a descriptor is not negative")
        out = ffi.new("uint64_t *")
        self._ask(lib.plane_record, handle, fd, out)
        recorder = Recorder(self._ask, handle, out[0], on_done)
        self._recorders[out[0]] = recorder
        return recorder

    def _call_soon(self, callback: Callable[[Any], None], argument: Any) -> None:
        """From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(callback, argument)

    def _flush_soon(self) -> None:
        if self._flush_timer is None and self._loop is not None:
            self._flush_timer = self._loop.call_later(_FLUSH_AFTER_S, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        result = lib.plane_flush(self._plane)
        if result == lib.PLANE_HELD:
            self._flush_soon()
        elif result < 0:
            self._lose_soon()

    def _on_released(self, reservation: PortReservation) -> None:
        self._reserved.discard(reservation)
        self._pool.give_back(reservation.port)

    def _on_readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(lib.plane_event_fd(self._plane), _BELLS_AT_ONCE)
        self._take_events()

    def _on_end(self) -> None:
        """Nothing is ever sent by the plane's socket: it is over. What it told before counts."""
        while self._plane is not None and self._take_events():
            pass
        self._lose()

    def _lose_soon(self) -> None:
        """What the plane wrote makes no sense; whoever asked is told first."""
        plane, loop = self._plane, self._loop
        if loop is not None and plane is not None:
            loop.call_soon(lambda: self._lose() if self._plane is plane else None)

    def _lose(self) -> None:
        """The plane is gone, and every stream with it."""
        if self._plane is None:
            return
        lost = [(stream, self._figures(handle)) for handle, stream in self._streams.items()]
        recorders = tuple(self._recorders.values())
        self._let_go()
        self._streams.clear()
        for stream, _ in lost:
            stream.abandon()
            self._pool.give_back(stream.port)
        self._forget()
        log.error("media_plane_lost", streams=len(lost), recordings=len(recorders))
        for recorder in recorders:
            _tell_listener(recorder.on_done, RecordingStats(samples=0, lost=0, error=errno.EPIPE))
        for stream, stats in lost:
            _tell_listener(stream.on_closed, stats)
        if self._on_lost is not None:
            self._on_lost()

    def _figures(self, handle: int) -> StreamStats:
        """What the plane showed last."""
        out = ffi.new("struct plane_stats *")
        lib.plane_read_stats(self._plane, handle, out)
        return StreamStats.read(out)

    def _take_events(self) -> bool:
        """Pass some on. False: there are no more."""
        if self._plane is None:
            return False
        count = lib.plane_take_events(self._plane, self._events, _EVENTS_AT_ONCE)
        if count < 0:
            self._lose_soon()
            return False
        if count == _EVENTS_AT_ONCE and self._loop is not None:
            self._loop.call_soon(self._take_events)
        for index in range(count):
            self._tell(self._events[index])
            if self._plane is None:  # a listener closed the plane
                return False
        return bool(count == _EVENTS_AT_ONCE)

    def _tell(self, event: Any) -> None:
        """Pass one event on. A listener that fails must not cost the others their events."""
        stream = self._streams.get(event.call)  # None: reaped, and now its recording is written
        try:
            if event.kind == lib.PLANE_RECORDED:
                recorder = self._recorders.pop(event.play_id)
                recorder.on_done(self._reap_recording(event.play_id))
            elif stream is not None and event.kind == lib.PLANE_CLOSED:
                stream.on_closed(self._reap(event.call))
            elif stream is not None:
                stream.on_event(event.kind, event.play_id, event.at_ns, event.digit)
        except Exception:
            port = stream.port if stream is not None else None
            log.exception("media_listener_failed", kind=event.kind, port=port)

    def _reap(self, handle: int) -> StreamStats:
        out = ffi.new("struct plane_stats *")
        _raise_for(lib.plane_reap(self._running(), handle, out))
        self._pool.give_back(self._streams.pop(handle).port)
        return StreamStats.read(out)

    def _reap_recording(self, handle: int) -> RecordingStats:
        out = ffi.new("struct plane_recorded *")
        _raise_for(lib.plane_reap_recording(self._running(), handle, out))
        return RecordingStats(samples=out.samples, lost=out.lost, error=out.error)


def _attach_to(link: PlaneLink) -> Any:
    """Another process's plane. The link is used up, or closed."""
    how = (link.memory, link.commands, link.events, link.control)
    out = ffi.new("plane **")
    result = lib.plane_attach(out, ffi.new("struct plane_link *", how))
    if result < 0:
        link.close()
    if result == -errno.EPROTO:
        raise BadLink("what was offered is no media plane of this version")
    _raise_for(result)
    return out[0]


def _tell_listener(listener: Callable[[Any], None], what: object) -> None:
    """One that fails must not cost the others what they are to hear."""
    try:
        listener(what)
    except Exception:
        log.exception("media_listener_failed", kind="lost")


def _raise_for(result: int) -> None:
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
