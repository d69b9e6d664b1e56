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
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from onhook.media._plane import ffi, lib
from onhook.media.agreed import NOWHERE_ELSE, Agreed, Latching, agreement
from onhook.media.crossing import EVENTS, Crossing, Nobody, place
from onhook.media.errors import BadRemote, NotRunning
from onhook.media.finding import found_in, recording_in
from onhook.media.found import FoundStream
from onhook.media.g711 import Codec
from onhook.media.handle import PlaneHandle, attached
from onhook.media.link import PlaneLink
from onhook.media.ports import PortPool
from onhook.media.recorder import OnRecorded, Recorder, RecordingStats
from onhook.media.remains import Before, Heard
from onhook.media.revival import opened
from onhook.media.reviving import RevivingPlane
from onhook.media.room import Room
from onhook.media.sockets import Host, Pair, bind_pairs, close_pairs, host_of, hosts_of
from onhook.media.srtp import Protection
from onhook.media.steering import raise_for
from onhook.media.stream import (
    Stream,
    StreamListener,
    StreamStats,
)

log = structlog.get_logger()

_RING = 16384


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


class MediaPlane(RevivingPlane):
    """The media of all calls of this process.

    The plane may die, if it is a process of its own: then all streams are closed (each tells its listener),
    ports given back, what was recorded is told of with `EPIPE`, and `on_lost` is called, once. From then on
    `open()` raises `NotRunning`, until `attach()` gives it another one.

    `host` is the address to bind in digits (`0.0.0.0` or `::` for all), or one of IPv4 and one of IPv6;
    `ports` the range of which even ones are used, and the odd ones above them for RTCP, `rtp_timeout_s`
    the silence after which a listener is told (0: never). A plane in this process has so many `threads` that
    send and receive, and uses another one once those before have `calls_a_thread`; `one_by_one`, their
    packets do not leave by io_uring. What is `beside` another one has its ports from the same pool. Raises
    `ValueError` for a range without an even port and the one above it.
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
        beside: "MediaPlane | None" = None,
    ) -> None:
        pool = (
            PortPool(ports, bind=self._bind, start=secrets.randbelow(65536))
            if beside is None
            else beside._pool
        )
        super().__init__(hosts_of([host] if isinstance(host, str) else host), pool)
        self._rtp_timeout_ms = round(rtp_timeout_s * 1000)
        self._ring_size = ring_size
        self._threads, self._calls_a_thread = threads, calls_a_thread
        self._one_by_one = one_by_one
        self._left_in_rooms: dict[
            int, int | None
        ] = {}  # streams that were adopted, and their rooms
        self._adopted_rooms: dict[int, Room] = {}
        """Until the rest is let go: who adopts one may not want it, and the next still may."""
        self._reserved: set[PortReservation] = set()
        self._linked = False
        self._beside = beside
        if beside is not None:
            beside._beside, self.held = self, beside.held

    @property
    def capacity(self) -> int:
        """How many calls the port range has room for."""
        return self._pool.capacity

    @property
    def ports_used(self) -> int:
        """How many ports are reserved or have a stream."""
        return self._pool.used

    @property
    def idle(self) -> bool:
        """Whether there is nothing in it, nor anything still to be told of what was."""
        rooms = any(room.is_open for room in self._rooms)
        return not (self._streams or rooms or self._recorders or self._reserved or self.leaving)

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
        """Begin, with a plane of another process (see `attach()`) or, without a link, in threads of this one;
        events are told on `loop`. The link is the plane's from now on. Raises `OSError`, and `BadLink` for
        what is no link to a plane of this version."""
        if self._plane is not None:
            raise RuntimeError("the media plane is running")
        self._loop, self._on_lost = loop, on_lost
        self.attach(link)

    def attach(self, link: PlaneLink | None = None) -> None:
        """Go on with another plane: the one before is lost, if that was not noticed yet. What an earlier
        switch has left in one of another process is there to be adopted (`found()`), and nothing is told
        before `resume()`. Raises what `start()` does."""
        if self._loop is None:
            raise RuntimeError("the media plane was not started")
        if self._plane is not None:
            self._on_end()
        self._left_in_rooms.clear()
        self._adopted_rooms.clear()
        self._linked = link is not None
        self._listen(self._start_here() if link is None else attached(link), self._loop)
        self._reopen()
        if link is None:
            self.resume()
        sockets, needed = self._about().sockets, 2 * self.capacity
        if sockets < needed:
            log.warning("media_sockets_short", sockets=sockets, needed=needed)

    @property
    def calls_at_most(self) -> int:
        """How many calls there can be: the port range has room for them, and the plane's process sockets, two
        a call. Raises `NotRunning`."""
        about = self._about()
        return int(min(self.capacity, about.max_calls, about.sockets // 2))

    def _start_here(self) -> PlaneHandle:
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
        raise_for(lib.plane_start(out, ffi.new("struct plane_config *", config)))
        return PlaneHandle(out[0])

    def close(self) -> None:
        """End the threads and close every socket. Listeners hear nothing more. A plane of another process
        closes them within milliseconds.

        Recordings are written to their end: this may wait for the disk.
        """
        for stream in tuple(self._streams.values()):
            with contextlib.suppress(NotRunning):
                stream.close()
        for room in tuple(self._rooms):
            with contextlib.suppress(NotRunning):
                room.close()
        self.detach()

    def detach(self) -> None:
        """As `close()`, but the plane of another process goes on with what is open, for the next switch."""
        self._let_go()
        for stream in self._streams.values():
            stream.abandon()
            self._pool.give_back(stream.port)
        self._streams.clear()
        self._forget()
        for reservation in tuple(self._reserved):
            reservation.release()
        if self._beside is not None:
            self._beside._beside = None
        else:
            self.held.leave()

    def found(self) -> Mapping[int, FoundStream]:
        """What an earlier switch has left in the plane and nobody has adopted, by port; nothing in a plane
        that is new. Raises `NotRunning`."""
        return found_in(self._running())

    def count_on_from(self, number: int) -> None:
        """What this plane tells has numbers beyond this one: so much had been told of planes before it, by an
        earlier switch. Nothing, once anything was told. Raises `NotRunning`."""
        if not self._running()(lib.plane_newest):
            self._running()(lib.plane_count_from, number)

    def adopt(
        self,
        found: FoundStream,
        *,
        codec: Codec,
        dtmf_payload_type: int | None,
        packet_ms: int = lib.PLANE_FRAME_MS,
        protection: Protection | None = None,
        listener: StreamListener,
        agreed: Agreed | None = None,
    ) -> Stream:
        """Go on with a stream of an earlier switch, of `found()`. The plane is told nothing: the parameters
        are what was agreed until now, as in `open()`; with `agreed` (`agreement()`) it can be opened again if
        the plane dies. Raises `LookupError` for one that is not there any more, and `NotRunning`."""
        if self._running()(lib.plane_adopt, found.handle) < 0:
            raise LookupError("there is no such stream")
        self._pool.adopt(found.port)
        stream = self._made(
            found.handle,
            found.port,
            codec=codec,
            sends_events=dtmf_payload_type is not None,
            packet_ms=packet_ms,
            protection=protection,
            listener=listener,
            agreed=agreed,
            found=found,
        )
        self._left_in_rooms[found.handle] = found.room
        for room in self._rooms:
            if room.handle == found.room:
                room.adopt(stream)
        return stream

    def adopt_room(self, handle: int) -> Room:
        """Go on with a room of an earlier switch (`FoundStream.room`), with those of its members in it that
        are adopted; the same object for the same handle. Raises `LookupError` for one that is not there."""
        for room in self._rooms:
            if room.handle == handle and room.is_open:
                return room
        if self._running()(lib.plane_adopt_room, handle) < 0:
            raise LookupError("there is no such room")
        room = Room(self._ask, handle, self._cross)
        self._rooms.add(room)
        self._adopted_rooms[handle] = room
        for member, its_room in self._left_in_rooms.items():
            if its_room == handle and member in self._streams:
                room.adopt(self._streams[member])
        return room

    def _let_go_of_rooms(self) -> None:
        """Those that were adopted, and that nobody has kept."""
        adopted = [handle for handle, room in self._adopted_rooms.items() if room.is_open]
        self._adopted_rooms.clear()
        kept = {room.handle for room in self._rooms}
        for handle in adopted:
            if handle not in kept:
                self._ask(lib.plane_close_room, handle)

    def let_go_of_rest(self) -> int:
        """Close the streams, rooms and recordings that nobody adopted, and say how many streams those are.
        For once, before `resume()`. Raises `NotRunning`."""
        self._left_in_rooms.clear()
        self._let_go_of_rooms()
        self.held.let_go_of_rest(self._pool)
        return self._ask(lib.plane_let_go_of_rest)

    @property
    def leaving(self) -> int:
        """How many of these are not closed yet, or not on disk to their end; as far as has been told."""
        return int(self._plane(lib.plane_leaving)) if self._plane is not None else 0

    def reserve(self, port: int | None = None) -> PortReservation:
        """Bind a port for a call to come, or this very port. Raises `NoPortLeft`, and `OSError` for a bad
        host."""
        if port is None:
            port, pairs = self._pool.take()
            hosts = self._hosts
        else:
            hosts, pairs = self._take_this(port)
        by_host = tuple(zip(hosts, pairs, strict=True))
        reservation = PortReservation(port, by_host, self._on_released)
        self._reserved.add(reservation)
        return reservation

    def _take_this(self, port: int) -> tuple[Sequence[Host], tuple[Pair, ...]]:
        """What an earlier switch has held of it, in which what came meanwhile waits; or as `reserve()`."""
        held = self.held.again(port)
        if held is None:
            return self._hosts, self._pool.take_this(port)
        try:
            return (host_of(held),), self._pool.take_this(port, (held,))
        except BaseException:
            close_pairs([held])
            raise

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
        before: Before | None = None,
        listener: StreamListener,
    ) -> Stream:
        """Make a stream of a reserved port. It begins to listen, and to send: silence, where it
        plays nothing.

        `remote` is the address in the peer's SDP, in digits; `latching` that of `Stream.latch()`;
        `remote_rtcp` and `rtcp_mux` are those of `Stream.set_rtcp()`, `protection` that of
        `Stream.protect()`; the
        other parameters are those of `Stream.agree()`. `before` is what it was in a plane that is dead, under
        an earlier switch. Raises `BadRemote`, `NotRunning`, and `ValueError`
        for a reservation that was released or used, or a payload type out of range; the reservation is
        then still the caller's.
        """
        pair = reservation._pair_for(remote[0])
        agreed = agreement(
            remote,
            codec,
            dtmf_payload_type,
            dtmf_from_peer,
            on_hold=on_hold,
            payload_type=payload_type,
            comfort_noise=comfort_noise,
            sends_reports=sends_reports,
            packet_ms=packet_ms,
            latching=latching,
            remote_rtcp=remote_rtcp,
            rtcp_mux=rtcp_mux,
        )
        reached = before.reached if before is not None else None
        agreed.ssrc = before.ssrc if before is not None else 0
        heard = reached.heard if reached is not None else Heard()
        if self._linked:
            self.held.hold(reservation.port, pair)
        handle = opened(self._ask, pair[0], agreed, protection, heard)
        reservation._hand_over(pair)
        self._reserved.discard(reservation)
        stream = self._made(
            handle or next(self._nobodys_handles),
            reservation.port,
            agreed=agreed,
            codec=codec,
            sends_events=dtmf_payload_type is not None,
            packet_ms=packet_ms,
            protection=protection,
            listener=listener,
            found=None if before is None else before.as_found(reservation.port, handle),
            signs=None if reached is None else reached.signs,
            stats=None if reached is None else reached.stats,
        )
        if handle:
            stream.start_rtcp(pair[1], remote_rtcp, mux=rtcp_mux)
        else:
            self._wait_with(stream, pair, heard)
        return stream

    def _made(self, handle: int, port: int, **how: Any) -> Stream:
        ask, files = self._ask, self._files
        stream = Stream(
            ask, self._record, self._adopt_recording, handle=handle, port=port, files=files, **how
        )
        self._streams[handle] = stream
        return stream

    def open_room(self) -> Room:
        """Make an empty room; close it when it is over. Raises `NotRunning`; OSError for one too many."""
        out = ffi.new("uint64_t *")
        self._ask(lib.plane_open_room, out)
        room = Room(self._ask, out[0], self._cross)
        self._rooms.add(room)
        return room

    def open_room_for(self, stream: Stream) -> Room:
        """The same, in the plane of this stream: this one, or that beside it."""
        other = self._beside
        there = other is not None and stream._ask == other._ask
        return other.open_room() if other is not None and there else self.open_room()

    def _cross(self, stream: Stream) -> Crossing:
        """For a room of this plane and a stream of the one beside it."""
        other = self._beside
        if other is None or stream._ask != other._ask:
            raise ValueError("a room and its members are of one plane")
        with contextlib.ExitStack() as stack:
            theirs = other.reserve()
            stack.callback(theirs.release)
            ours = self.reserve()
            stack.callback(ours.release)
            here = other._stand_in(theirs, ours.port)
            stack.callback(here.close)
            there = self._stand_in(ours, theirs.port)
            stack.callback(there.close)
            crossing = Crossing(stream, here, there)
            stack.pop_all()
        return crossing

    def _stand_in(self, port: PortReservation, towards: int) -> Stream:
        return self.open(
            port,
            remote=place(self._hosts[0], towards),
            codec=Codec.PCMU,
            dtmf_payload_type=EVENTS,
            sends_reports=False,
            listener=Nobody(),
        )

    def _bind(self, port: int) -> tuple[Pair, ...]:
        return bind_pairs(self._hosts, port)

    def _adopt_recording(self, handle: int, tag: int, on_done: OnRecorded, waits: bool) -> Recorder:
        recording = recording_in(self._running(), handle, tag)
        self._running()(lib.plane_adopt_recording, recording)
        recorder = Recorder(self._ask, handle, recording, on_done, tag=tag, waits=waits)
        self._recorders[recording] = recorder
        return recorder

    def _record(self, handle: int, fd: int, tag: int, on_done: OnRecorded, waits: bool) -> Recorder:
        if fd < 0:
            raise ValueError("a descriptor is not negative")
        out = ffi.new("uint64_t *")
        spool = os.dup(fd) if self._linked else None
        try:
            how = lib.plane_prepare_recording if waits else lib.plane_record
            self._ask(how, handle, fd, tag, out)
        except BaseException:
            if spool is not None:
                os.close(spool)
            raise
        recording = out[0]
        if not recording:  # no plane has it, for now
            os.close(fd)
            recording = next(self._nobodys_handles)
        recorder = Recorder(
            self._ask, handle, recording, on_done, tag=tag, spool=spool, waits=waits
        )
        self._recorders[recording] = recorder
        return recorder

    def _on_released(self, reservation: PortReservation) -> None:
        self._reserved.discard(reservation)
        self._give_back(reservation.port)

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
                stream.on_event(
                    event.kind, event.play_id, event.at_ns, event.digit, last=bool(event.last)
                )
        except Exception:
            port = stream.port if stream is not None else None
            log.exception("media_listener_failed", kind=event.kind, port=port)

    def _reap(self, handle: int) -> StreamStats:
        out = ffi.new("struct plane_stats *")
        raise_for(self._running()(lib.plane_reap, handle, out))
        self._give_back(self._streams.pop(handle).port)
        return StreamStats.read(out)

    def _reap_recording(self, handle: int) -> RecordingStats:
        out = ffi.new("struct plane_recorded *")
        raise_for(self._running()(lib.plane_reap_recording, handle, out))
        return RecordingStats(samples=out.samples, lost=out.lost, error=out.error)
