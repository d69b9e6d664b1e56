"""One call's media: what is played on it, whom it is joined to, and what it tells."""

import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any, Protocol, Self

from onhook.media._plane import ffi, lib
from onhook.media.errors import BadRemote, StreamClosed, TooManyRecordings
from onhook.media.g711 import Codec
from onhook.media.known_files import KnownFiles
from onhook.media.play_queue import (
    Ask,
    OnPlayed,
    OnStopped,
    Playable,
    PlayQueue,
    nobody_waits,
)
from onhook.media.recorder import OnRecorded, Recorder
from onhook.media.srtp import Protection, plane_keys

PACKETS_MS = (10, 20, 30, 40, 60)
"""How much audio a packet may have that is sent."""
_NS = 1e-9

Record = Callable[[int, int, OnRecorded], Recorder]
"""Has the plane record the stream of a handle into a descriptor."""


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


@dataclass(frozen=True, slots=True)
class Latching:
    """Where a peer's first packet may come from, besides the address in its SDP; the port is free.

    Whoever is heard first is taken for the peer, so anybody else could take a call's audio over.
    """

    signalling_ips: tuple[str, ...] = ()
    """The addresses that its signalling names, up to four, in digits: a NAT gives its audio the same
    one. Those with a zone mean nothing here."""
    anybody: bool = False
    """Any address: the audio comes from a machine of which nothing else tells."""


@dataclass(frozen=True, slots=True)
class StreamStats:
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

    @classmethod
    def read(cls, figures: Any) -> Self:
        """Of a `struct plane_stats`."""
        return cls(**{name: getattr(figures, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class PeerReport:
    """What the peer told by RTCP of what it is sent. The media thread looks once a second."""

    at_s: float
    """When that was read, in the time of `time.monotonic()`: the peer was there then."""
    received_s: float
    """The newest packet that had arrived left about then, in the same time."""
    lost: int
    """How many packets were lost in all, as the peer counts."""


class Stream:
    """The media of one call; made by `MediaPlane.open()`."""

    def __init__(
        self,
        ask: Ask,
        record: Record,
        *,
        handle: int,
        port: int,
        codec: Codec,
        sends_events: bool,
        packet_ms: int = lib.PLANE_FRAME_MS,
        protection: Protection | None = None,
        listener: StreamListener,
        files: KnownFiles,
    ) -> None:
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
        self._ask = ask
        self._record = record
        self._protection = protection
        self._handle = handle
        self._packet_s = packet_ms / 1000
        self._listener = listener
        self._queue = PlayQueue(ask, handle, files)
        self._recorders: list[Recorder] = []
        self._open = True
        self._bridged: Stream | None = None
        self._members: set[Stream] | None = None
        """Those of the room that it is in, itself included."""

    @property
    def is_open(self) -> bool:
        """Whether anything can be asked of it."""
        return self._open

    @property
    def playing(self) -> bool:
        """Whether a message is playing or waiting, as far as it has been told."""
        return self._queue.is_playing

    def play(
        self,
        prompts: Sequence[Playable],
        on_played: OnPlayed,
        on_stopped: OnStopped | None = None,
    ) -> None:
        """Play these prompts, one directly after another, when all before them has been played.

        Exactly one of the two is called, later: `on_played` when the last frame of the last prompt
        has left, `on_stopped` when `stop()` or `close()` came first. (Neither, when the whole plane
        is closed.) Raises `StreamClosed`, `QueueFull` (nothing is played), and `ValueError` when
        there is nothing to play or a prompt is not made of whole frames.
        """
        self._require_open()
        self._queue.play(prompts, on_played, on_stopped)

    def loop(self, prompts: Sequence[Playable], on_stopped: OnStopped | None = None) -> None:
        """Play these prompts again and again, without a gap, after what is playing or waiting.

        `stop()` or `close()` ends it, and then `on_stopped` is called; what was queued behind it
        would wait until then, and is cut off with it. Raises what `play()` does.
        """
        self._require_open()
        self._queue.loop(prompts, on_stopped)

    def send_digits(
        self, digits: str, on_sent: OnPlayed, on_stopped: OnStopped | None = None
    ) -> None:
        """Send `0123456789*#ABCD`, each 100 ms long with a pause of 60 ms; a comma is 1 s of pause.

        They go out as telephone-events (RFC 4733) where these were negotiated, else as tones, when
        all that was queued before has been played; what is queued next follows them. What `play()`
        says of its callbacks holds for these, and it raises the same.
        """
        self._require_open()
        self._queue.send_digits(digits, on_sent, on_stopped)

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

    def stop(self) -> None:
        """Cut off all that is playing or waiting: no frame leaves from about 1 ms from now on.

        Does nothing when the stream is silent. Raises `StreamClosed`.
        """
        self._require_open()
        if self._queue.is_playing:
            self._ask(lib.plane_cut, self._handle)

    def record(self, fd: int, on_done: OnRecorded) -> Recorder:
        """Record what the peer says and what it is sent, mixed, until the recorder is stopped or
        this stream is closed. Several recordings may go on at once, up to four.

        Samples of 16 bits at 8,000 Hz, one channel, are written to `fd` by a thread of their own,
        about half a second later. The descriptor is the plane's from now on: it is made
        non-blocking, and closed before `on_done` is called. (It is closed too, and `on_done` is not
        called, when the whole plane is closed.) Raises `StreamClosed`, `TooManyRecordings`, and
        `OSError` when there is no memory; `fd` is then still the caller's.
        """
        self._require_open()
        self._recorders = [one for one in self._recorders if not one.done]
        if len(self._recorders) >= lib.PLANE_MAX_RECORDINGS:
            raise TooManyRecordings(f"a call has {lib.PLANE_MAX_RECORDINGS} recordings at the most")
        recorder = self._record(self._handle, fd, on_done)
        self._recorders.append(recorder)
        return recorder

    def set_remote(self, remote: tuple[str, int]) -> None:
        """The peer's SDP names a new address. The same one again changes nothing.

        Raises `BadRemote` and `StreamClosed`.
        """
        self._require_open()
        self._ask(lib.plane_remote, self._handle, *peer_address(remote))

    def latch(self, latching: Latching) -> None:
        """Where else the peer's first packet may come from; nowhere, until this is told.

        Raises `BadRemote` for a signalling address that is none, or too many, and `StreamClosed`.
        """
        self._require_open()
        how, _memory = plane_latching(latching)
        self._ask(lib.plane_latch, self._handle, ffi.new("struct plane_latching *", how))

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
        return Signs(_moment(out.heard_ns), _moment(out.received_ns))

    @property
    def stats_now(self) -> StreamStats:
        """The figures up to now, or 20 ms ago. Raises `StreamClosed`."""
        self._require_open()
        out = ffi.new("struct plane_stats *")
        self._ask(lib.plane_read_stats, self._handle, out)
        return StreamStats.read(out)

    def set_rtcp(self, remote: tuple[str, int] | None, *, mux: bool = False) -> None:
        """The peer's SDP names where it takes RTCP: `a=rtcp` (RFC 3605), or `a=rtcp-mux` (RFC 5761).

        None is the address of its RTP, one port higher. Raises `BadRemote` and `StreamClosed`.
        """
        self._require_open()
        rtcp, _kept = plane_rtcp(remote, mux=mux)
        self._ask(lib.plane_report, self._handle, rtcp)

    def start_rtcp(self, descriptor: int, remote: tuple[str, int] | None, *, mux: bool) -> None:
        """For the plane: reports are sent from this socket, which is the stream's from now on.

        What is no address is taken for None.
        """
        try:
            rtcp, _kept = plane_rtcp(remote, mux=mux, descriptor=descriptor)
            self._ask(lib.plane_report, self._handle, rtcp)
        except BadRemote:
            rtcp, _kept = plane_rtcp(None, mux=mux, descriptor=descriptor)
            self._ask(lib.plane_report, self._handle, rtcp)

    def close(self) -> None:
        """Cut off what is playing, end what records, close the port. Nothing the second time."""
        if self._open:
            self._open = False
            self._part()
            self._ask(lib.plane_close, self._handle)
            for recorder in self._recorders:
                recorder.end()

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

    def _require_open(self) -> None:
        if not self._open:
            raise StreamClosed("the stream is closed")

    def on_event(self, kind: int, play_id: int, at_ns: int, digit: int) -> None:
        """For the plane: something happened (`enum plane_event_kind`)."""
        if kind == lib.PLANE_PLAYED:
            self._queue.on_segment(play_id, at_ns * _NS, cut=False)
        elif kind == lib.PLANE_STOPPED:
            self._queue.on_segment(play_id, at_ns * _NS, cut=True)
        elif kind == lib.PLANE_DIGIT:
            self._on_digit(chr(digit))
        elif kind == lib.PLANE_REPORTED:
            at_s = at_ns * _NS
            self.report = PeerReport(at_s, at_s - play_id * self._packet_s, digit)
        elif kind == lib.PLANE_RTP_FIRST:
            self._listener.rtp_started()
        elif kind == lib.PLANE_RTP_TIMEOUT:
            self._listener.rtp_timeout()

    def on_closed(self, stats: StreamStats) -> None:
        """For the plane: it closed."""
        self.stats = stats
        self._listener.closed(stats)

    def abandon(self) -> None:
        """For the plane: it is gone, and nothing of it touches the prompts any more."""
        self._open = False
        self._part()
        self._queue.abandon()
        for recorder in self._recorders:
            recorder.end()


def peer_address(remote: tuple[str, int]) -> tuple[bytes, int]:
    """An address as the plane takes it. Raises `BadRemote`."""
    host, port = remote
    if not host.isascii() or "\0" in host or not 0 < port < 65536:
        raise BadRemote("not a unicast address in digits with a port")
    return host.encode("ascii"), port


def plane_rtcp(
    remote: tuple[str, int] | None, *, mux: bool, descriptor: int = -1
) -> tuple[Any, Any]:
    """Where reports go, under a name that is new in each call, and tells nothing (RFC 7022 4.2); and what has
    to outlive the command."""
    host, port = peer_address(remote) if remote is not None else (b"", 0)
    address = ffi.new("char[]", host)
    how = {
        "fd": descriptor,
        "mux": mux,
        "remote_ip": address if remote is not None else ffi.NULL,
        "remote_port": port,
        "cname": secrets.token_urlsafe(lib.PLANE_CNAME_BYTES)[: lib.PLANE_CNAME_BYTES].encode(),
    }
    return ffi.new("struct plane_rtcp *", how), address


def plane_latching(latching: Latching) -> tuple[dict[str, Any], list[Any]]:
    """Where a peer may be, as the plane takes it, and the memory that has to last until it did. Raises
    `BadRemote`."""
    ips = [ip for ip in latching.signalling_ips if "%" not in ip]
    hosts = [ffi.new("char[]", peer_address((ip, 1))[0]) for ip in ips]
    named = ffi.new("const char *[]", hosts)
    how = {"ips": named, "count": len(hosts), "anybody": latching.anybody}
    return how, [*hosts, named]


def plane_format(
    codec: Codec,
    dtmf_payload_type: int | None,
    dtmf_from_peer: int | None,
    *,
    on_hold: bool,
    payload_type: int | None = None,
    comfort_noise: bool = False,
    sends_reports: bool = True,
    packet_ms: int = lib.PLANE_FRAME_MS,
) -> dict[str, int]:
    """What was agreed, as the plane takes it. Raises `ValueError`."""
    types = (dtmf_payload_type, dtmf_payload_type if dtmf_from_peer is None else dtmf_from_peer)
    if any(one is not None and not 0 <= one <= 127 for one in (*types, payload_type)):
        raise ValueError("a payload type is 0 to 127")
    if packet_ms not in PACKETS_MS:
        raise ValueError(f"a packet has {PACKETS_MS} ms of audio, not {packet_ms}")
    to_peer, from_peer = (lib.PLANE_NO_EVENTS if one is None else one for one in types)
    return {
        "payload_type": int(codec),
        "event_payload_type": to_peer,
        "event_from_peer": from_peer,
        "on_hold": on_hold,
        "audio_type": 0 if payload_type in (None, int(codec)) else payload_type,
        "comfort_noise": comfort_noise,
        "no_rtcp": not sends_reports,
        "packet_ms": packet_ms,
    }


def _moment(ns: int) -> float | None:
    return ns * _NS if ns else None
