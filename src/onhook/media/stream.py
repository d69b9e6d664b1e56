"""One call's media: what is played on it, whom it is joined to, and what it tells."""

import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, Self

from onhook.media._plane import ffi, lib
from onhook.media.agreed import (
    Agreed,
    peer_address,
    plane_format,
    plane_latching,
    plane_rtcp,
)
from onhook.media.agreed import Latching as Latching
from onhook.media.errors import BadRemote, NotRunning, TooManyRecordings
from onhook.media.found import FoundStream
from onhook.media.g711 import Codec
from onhook.media.known_files import KnownFiles
from onhook.media.measured import Measured
from onhook.media.play_queue import Ask, nobody_waits
from onhook.media.played_stream import PlayedStream
from onhook.media.recorder import OnRecorded, Recorder, fill_up, written_since
from onhook.media.srtp import Protection, plane_keys

_NS = 1e-9

Record = Callable[[int, int, int, OnRecorded, bool], Recorder]
"""Has the plane record the stream of a handle into a descriptor, under a tag; now, or it waits."""
AdoptRecording = Callable[[int, int, OnRecorded, bool], Recorder]
"""Of the stream of a handle, the recording of a tag, which may wait. Raises `LookupError`."""


class StreamListener(Protocol):
    """What a stream tells of its own accord."""

    def digit(self, digit: str) -> None:
        """A key went down: one of `0123456789*#ABCD` (RFC 4733)."""

    def rtp_started(self) -> None:
        """The first RTP packet arrived."""

    def rtp_timeout(self) -> None:
        """No RTP has arrived for the time set; once for each silence."""

    def closed(self, stats: "StreamStats") -> None:
        """The last thing that a stream tells."""


@dataclass(frozen=True, slots=True)
class Signs:
    """When a peer was last known to be there, in the time of `time.monotonic()`; None for never."""

    heard_s: float | None = None
    """A packet of it arrived."""
    received_s: float | None = None
    """A packet left that it has said it received (RTCP)."""


_OF_A_MOMENT = frozenset(
    {
        "foreign_high",
        "foreign_low",
        "jitter",
        "reported_highest",
        "reported_behind",
        "reported_jitter",
        "round_trip_us",
    }
)


class StreamStats(NamedTuple):
    """What one stream sent and received. Bytes count RTP headers and payload."""

    sent_packets: int
    sent_bytes: int
    silent_packets: int
    """Of those that were sent: in which nothing played and nobody spoke."""
    send_errors: int
    received_packets: int
    received_bytes: int
    lost: int
    """Gaps in the sequence numbers that were not filled later."""
    duplicated: int
    malformed: int
    """Datagrams that are not RTP, and events that are cut short."""
    foreign: int
    """RTP from an address that is not the peer's, or with another codec before its first packet."""
    foreign_high: int
    foreign_low: int
    """Of the last of these that came from where the peer cannot be: see `foreign_ip`."""
    audio_packets: int
    """Of those received: sound of the codec that was agreed on, or of the other law."""
    noise_packets: int
    """Comfort noise (RFC 3389)."""
    other_packets: int
    """From where the peer may be, and neither sound of ours, comfort noise nor keys."""
    jitter: int
    """Of what arrives, in samples of 8,000 a second: the estimate of RFC 3550 A.8, as it is now."""
    jitter_max: int
    """The highest that it was."""
    dropped_digits: int
    """Digits beyond those that could be kept while the loop did not take them."""
    reports: int
    """How often the peer told by RTCP what had arrived (RFC 3550 6.4); what follows is of the last."""
    reported_lost: int
    reported_highest: int
    """The newest sequence number that had arrived, extended; 0 if nothing was told."""
    reported_behind: int
    """How many packets had been sent since that one."""
    reported_of: int
    """How many packets had been sent until that one, with it: `reported_lost` is of these."""
    reported_jitter: int
    """In samples of 8,000 a second."""
    round_trip_us: int
    """Microseconds there and back; 0 if it is not known."""
    rtcp_packets: int
    """Datagrams of RTCP that are the peer's, whether they report on what it was sent or not."""
    rtcp_refused: int
    """Datagrams that are no RTCP, or were not the peer's."""
    unauthentic: int
    """Of an encrypted stream: datagrams in the clear, altered, or under another key."""
    replayed: int
    """Of an encrypted stream: datagrams that were here before, or are too old to tell."""

    @property
    def foreign_ip(self) -> str:
        """Where RTP came from that was not taken for the peer's, since no address that was named is that
        one; empty if none did."""
        if not self.foreign_high and not self.foreign_low:
            return ""
        words = (one.to_bytes(8, sys.byteorder) for one in (self.foreign_high, self.foreign_low))
        host = IPv6Address(b"".join(words))
        return str(host.ipv4_mapped or host)

    def followed_by(self, later: Self) -> Self:
        """In all, where a stream was opened again: counts are added up, and what describes a moment is of the
        later one."""
        figures = {
            name: getattr(later, name)
            if name in _OF_A_MOMENT
            else getattr(self, name) + getattr(later, name)
            for name in self._fields
            if name != "jitter_max"
        }
        return self._replace(**figures, jitter_max=max(self.jitter_max, later.jitter_max))

    @classmethod
    def read(cls, figures: Any) -> Self:
        """Of a `struct plane_stats`."""
        return cls._make(_figures(figures))


_figures: Callable[[Any], tuple[int, ...]] = attrgetter(*StreamStats._fields)


@dataclass(frozen=True, slots=True)
class PeerReport:
    """What the peer told by RTCP of what it is sent. The media thread looks once a second."""

    at_s: float
    """When that was read, in the time of `time.monotonic()`: the peer was there then."""
    received_s: float
    """The newest packet that had arrived left about then, in the same time."""
    lost: int
    """How many packets were lost in all, as the peer counts."""


class Stream(PlayedStream):
    """The media of one call; made by `MediaPlane.open()`."""

    def __init__(
        self,
        ask: Ask,
        record: Record,
        adopt_recording: AdoptRecording,
        *,
        handle: int,
        port: int,
        codec: Codec,
        sends_events: bool,
        packet_ms: int = lib.PLANE_FRAME_MS,
        protection: Protection | None = None,
        listener: StreamListener,
        files: KnownFiles,
        agreed: Agreed | None = None,
        found: FoundStream | None = None,
        signs: Signs | None = None,
        stats: StreamStats | None = None,
    ) -> None:
        """``signs`` and ``stats`` are what it had come to in another plane, under an earlier switch."""
        super().__init__(ask, handle, files, found)
        self.codec = codec
        """What it sends and receives; `agree()` changes it."""
        self.port = port
        """The local port."""
        self.sends_events = sends_events
        """Whether telephone-event was negotiated: digits are sent as tones otherwise."""
        self.stats: StreamStats | None = None
        """Known once it has closed."""
        self.report: PeerReport | None = None
        """What the peer told last of what it is sent; None where it sends no RTCP."""
        self.agreed = agreed
        """What it takes to open it again; None where that is not known."""
        self._heard = False
        self._before = stats
        """What it came to in planes that are gone."""
        self._signs = signs or Signs()
        self._record = record
        self._adopt_recording = adopt_recording
        self._protection = protection
        self._packet_s = packet_ms / 1000
        self._listener = listener
        self._recorders: list[Recorder] = []
        self._bridged: Stream | None = None
        self._members: set[Stream] | None = None
        """Those of the room that it is in, itself included."""

    def bridge(self, other: "Stream") -> None:
        """Let two peers hear each other: what one says is sent to the other at once.

        Each leaves the bridge or room that it was in. What is played on a stream wins over what it
        would relay. Digits are told to the listeners as ever, and passed on: as telephone-events,
        or as a tone to a peer that did not negotiate these. Closing either ends the bridge. Raises
        `StreamClosed`, and `ValueError` when the two are the same or of different planes.
        """
        self._require_open()
        other._require_open()
        if other is self or other._ask != self._ask:
            raise ValueError("a bridge joins two streams of one plane")
        self._ask(lib.plane_bridge, self._handle, other._handle)
        self._part()
        other._part()
        self._bridged, other._bridged = other, self

    def adopt_bridge(self, other: "Stream") -> None:
        """These two were bridged by an earlier switch, and still are: see `FoundStream.bridged_to`. Raises
        `StreamClosed`."""
        self._require_open()
        other._require_open()
        self._part()
        other._part()
        self._bridged, other._bridged = other, self

    def cut(self) -> None:
        """Cut off all that plays, also what an earlier switch had begun and nobody adopted. Raises
        `StreamClosed`."""
        self._require_open()
        self._queue.stop()
        self._ask(lib.plane_cut, self._handle)

    def record(
        self,
        fd: int,
        on_done: OnRecorded,
        *,
        tag: int = 0,
        began_s: float | None = None,
        waits: bool = False,
    ) -> Recorder:
        """Record what the peer says and what it is sent, mixed, until the recorder is stopped or
        this stream is closed. Several recordings may go on at once, up to four.

        Samples of 16 bits at 8,000 Hz, one channel, are written to `fd` by a thread of their own,
        about half a second later. The descriptor is the plane's from now on: it is made
        non-blocking, and closed before `on_done` is called. (It is closed too, and `on_done` is not
        called, when the whole plane is closed.) `tag` is any number of 64 bits by which the next
        switch knows it, 0 for none. `began_s` is when another plane began it, which is gone: `fd` appends to
        what that has written, and what nobody recorded since is silence.

        One that `waits` begins when it is told to: `Recorder.begin_behind()`, `Recorder.begin()`. If it ends
        before that it has no samples. Where another plane has written to `fd`, it has begun there. A plane of
        an older version cannot wait: `OSError` (ENOSYS).

        Raises `StreamClosed`, `TooManyRecordings`, and `OSError` when there is no memory; `fd` is then still
        the caller's.
        """
        self._require_open()
        self._recorders = [one for one in self._recorders if not one.done]
        if len(self._recorders) >= lib.PLANE_MAX_RECORDINGS:
            raise TooManyRecordings(f"a call has {lib.PLANE_MAX_RECORDINGS} recordings at the most")
        if waits and began_s is None:
            began_s = written_since(fd)
        if began_s is not None:
            fill_up(fd, began_s)
        recorder = self._record(self._handle, fd, tag, on_done, waits and began_s is None)
        if began_s is not None:
            recorder.began_s = began_s
        self._recorders.append(recorder)
        return recorder

    def adopt_recording(
        self, tag: int, on_done: OnRecorded, *, spool: int | None = None, waits: bool = False
    ) -> Recorder:
        """A recording that an earlier switch had begun under this tag: it goes on, or its end is still to
        be told. What `record()` says of `on_done` holds from now on. `spool` is a descriptor that appends
        to its file, and is this stream's from now on: without it the recording ends if the plane dies.
        `waits` says that it may not have begun. Raises `StreamClosed`, and `LookupError` where
        `FoundStream.recordings` has no such tag."""
        self._require_open()
        recorder = self._adopt_recording(self._handle, tag, on_done, waits)
        recorder.take_spool(spool)
        self._recorders.append(recorder)
        return recorder

    def set_remote(self, remote: tuple[str, int]) -> None:
        """The peer's SDP names a new address. The same one again changes nothing.

        Raises `BadRemote` and `StreamClosed`.
        """
        self._require_open()
        self._ask(lib.plane_remote, self._handle, *peer_address(remote))
        if self.agreed is not None:
            self.agreed.remote = remote

    def latch(self, latching: Latching) -> None:
        """Where else the peer's first packet may come from; nowhere, until this is told.

        Raises `BadRemote` for a signalling address that is none, or too many, and `StreamClosed`.
        """
        self._require_open()
        how, _memory = plane_latching(latching)
        self._ask(lib.plane_latch, self._handle, ffi.new("struct plane_latching *", how))
        if self.agreed is not None:
            self.agreed.latching = latching

    def agree(
        self,
        codec: Codec,
        dtmf_payload_type: int | None,
        dtmf_from_peer: int | None = None,
        *,
        on_hold: bool = False,
        payload_type: int | None = None,
        comfort_noise: bool = False,
        sends_reports: bool = True,
        packet_ms: int = lib.PLANE_FRAME_MS,
    ) -> None:
        """What was agreed with the peer has changed; what plays, plays on in the other codec.

        `dtmf_payload_type` is that of telephone-event, None where none was negotiated;
        `dtmf_from_peer` is set where the peer's own have another one. To a peer on hold nothing is
        sent, while what plays goes on in time. `payload_type` is that of the audio where it is not the
        codec's static one. `comfort_noise` says that silence is sent as RFC 3389 has it, under payload
        type 13. Without `sends_reports` not even RTCP is sent: the peer has closed the stream, or
        names no address (RFC 3264 sections 5.1 and 6). `packet_ms` is how much audio a packet has that is
        sent: 10, 20, 30, 40 or 60 ms. Raises `StreamClosed`, and `ValueError` for a payload type out of
        range, or another length of packets.
        """
        self._require_open()
        how = plane_format(
            codec,
            dtmf_payload_type,
            dtmf_from_peer,
            on_hold=on_hold,
            payload_type=payload_type,
            comfort_noise=comfort_noise,
            sends_reports=sends_reports,
            packet_ms=packet_ms,
        )
        self._ask(lib.plane_agree, self._handle, ffi.new("struct plane_format *", how))
        if self.agreed is not None:
            self.agreed.format = how
        self.codec = codec
        self._packet_s = packet_ms / 1000
        self.sends_events = dtmf_payload_type is not None

    @property
    def protection(self) -> Protection | None:
        """The keys by which it is encrypted; None in the clear."""
        return self._protection

    def protect(self, protection: Protection) -> None:
        """SRTP was agreed, or has new keys: from now on nothing is sent or taken in the clear.

        What the peer sends under its old key counts until it has used its new one for 2 s. If ours was
        only `answered`, it is used once the peer has used its new one, or after 1 s. The same keys again
        change nothing. Raises `StreamClosed`, `QueueFull` if the plane has no place for keys, and
        `ValueError` for what is no key.
        """
        self._require_open()
        with plane_keys(protection, self._protection) as (send, receive):
            if send != ffi.NULL or receive != ffi.NULL:
                later = protection.answered and receive != ffi.NULL
                self._ask(lib.plane_protect, self._handle, send, receive, later)
        self._protection = protection

    @property
    def signs(self) -> Signs:
        """What is known of the peer up to now. Raises `StreamClosed`."""
        self._require_open()
        out = ffi.new("struct plane_signs *")
        self._ask(lib.plane_read_signs, self._handle, out)
        now = signs_of(out)
        return Signs(
            _later(now.heard_s, self._signs.heard_s),
            _later(now.received_s, self._signs.received_s),
        )

    @property
    def stats_now(self) -> StreamStats:
        """The figures up to now, or 20 ms ago. Raises `StreamClosed`."""
        self._require_open()
        out = ffi.new("struct plane_stats *")
        self._ask(lib.plane_read_stats, self._handle, out)
        return self._in_all(StreamStats.read(out))

    def _in_all(self, now: StreamStats) -> StreamStats:
        return now if self._before is None else self._before.followed_by(now)

    def set_rtcp(self, remote: tuple[str, int] | None, *, mux: bool = False) -> None:
        """The peer's SDP names where it takes RTCP: `a=rtcp` (RFC 3605), or `a=rtcp-mux` (RFC 5761).

        None is the address of its RTP, one port higher. Raises `BadRemote` and `StreamClosed`.
        """
        self._require_open()
        rtcp, _kept = plane_rtcp(remote, mux=mux)
        self._ask(lib.plane_report, self._handle, rtcp)
        if self.agreed is not None:
            self.agreed.rtcp, self.agreed.rtcp_mux = remote, mux

    def start_rtcp(self, descriptor: int, remote: tuple[str, int] | None, *, mux: bool) -> None:
        """For the plane: reports are sent from this socket, which is the stream's from now on.

        What is no address is taken for None.
        """
        try:
            try:
                rtcp, _kept = plane_rtcp(remote, mux=mux, descriptor=descriptor)
                self._ask(lib.plane_report, self._handle, rtcp)
            except BadRemote:
                rtcp, _kept = plane_rtcp(None, mux=mux, descriptor=descriptor)
                self._ask(lib.plane_report, self._handle, rtcp)
        except BaseException:
            os.close(descriptor)
            raise

    def close(self, when: Callable[[Callable[[], None]], None] | None = None) -> None:
        """Cut off what is playing, end what records, close the port. Nothing the second time.

        ``when`` calls what it is given when the plane is to hear of it; until then it goes on there.
        """
        if self._open:
            self._open = False
            self._part()
            for recorder in self._recorders:
                recorder.end()
            if when is None:
                self._ask(lib.plane_close, self._handle)
            else:
                when(lambda: _close_late(self, self._ask, self._handle))

    def _part(self) -> None:
        """Forget whom it is joined to; the plane knows, or is told."""
        if self._bridged is not None:
            self._bridged._bridged = None
            self._bridged = None
        if self._members is not None:
            self._members.discard(self)
            self._members = None

    def _on_digit(self, digit: str) -> None:
        """Pass it on where the plane cannot: it relays events, but makes no tones."""
        other = self._bridged
        if other is not None and not other.sends_events and not other.playing:
            other.send_digits(digit, nobody_waits)
        self._listener.digit(digit)

    def on_event(self, kind: int, play_id: int, at_ns: int, digit: int, *, last: bool) -> None:
        """For the plane: something happened (`enum plane_event_kind`)."""
        if kind == lib.PLANE_PLAYED:
            self._queue.on_segment(play_id, at_ns * _NS, cut=False, last=last)
        elif kind == lib.PLANE_STOPPED:
            self._queue.on_segment(play_id, at_ns * _NS, cut=True, last=last)
        elif kind == lib.PLANE_DIGIT:
            self._on_digit(chr(digit))
        elif kind == lib.PLANE_REPORTED:
            at_s = at_ns * _NS
            self.report = PeerReport(at_s, at_s - play_id * self._packet_s, digit)
        elif kind == lib.PLANE_RTP_FIRST:
            self._on_heard()
        elif kind == lib.PLANE_RTP_TIMEOUT:
            self._listener.rtp_timeout()

    def _on_heard(self) -> None:
        """Each plane hears it for the first time."""
        if not self._heard:
            self._heard = True
            self._listener.rtp_started()

    def on_closed(self, stats: StreamStats) -> None:
        """For the plane: it closed."""
        self.stats = stats = self._in_all(stats)
        self._listener.closed(stats)

    def outlive(self, figures: StreamStats) -> None:
        """For the plane: it is dead, and another one will have this stream. `figures` are what it had come
        to."""
        if self._open:
            self._signs = self.signs
        self._before = self._in_all(figures)
        self._queue.pause()

    def reopened(self, handle: int) -> None:
        """For the plane: another one has it, under this handle, and nothing is asked of it yet."""
        self._handle = handle
        self._queue.reopened(handle)
        for recorder in self._recorders:
            recorder.reopened(handle)

    def abandon(self) -> None:
        """For the plane: it is gone, and nothing of it touches the prompts any more."""
        self._open = False
        self._part()
        self._queue.abandon()
        for recorder in self._recorders:
            recorder.end()


def hear_before(stream: Stream, digit: str) -> None:
    """A plane before this one told of a key, and nobody who is there now has heard of it."""
    if stream.is_open:
        stream._on_digit(digit)


def measure(stream: Stream) -> Measured:
    """A few of its figures, for a fifth of the time that all take. Raises `StreamClosed`, `NotRunning`."""
    if stream._before is not None:
        return Measured.read(stream.stats_now)
    stream._require_open()
    out = ffi.new("struct plane_stats *")
    stream._ask(lib.plane_read_stats, stream._handle, out)
    return Measured.read(out)


def signs_of(signs: Any) -> Signs:
    """Of a `struct plane_signs`."""
    return Signs(_moment(signs.heard_ns), _moment(signs.received_ns))


def _moment(ns: int) -> float | None:
    return ns * _NS if ns else None


def _later(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _close_late(stream: Stream, ask: Callable[..., int], handle: int) -> None:
    """Unless it has closed meanwhile, with its plane: the next plane may give its handle to another."""
    if stream.stats is None:
        with contextlib.suppress(NotRunning):
            ask(lib.plane_close, handle)
