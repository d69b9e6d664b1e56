"""What is heard in one leg of a call: its port, its stream, what plays on it, and its recordings."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from onhook.call import Fields
from onhook.calls.kept_audio import NO_AUDIO, KeptAudio
from onhook.calls.leg_recordings import LegRecordings, Spools
from onhook.calls.leg_trace import LegTrace
from onhook.calls.media_figures import figures
from onhook.calls.one_way_audio import Seen
from onhook.calls.player import Player
from onhook.media.agreed import agreement
from onhook.media.errors import NoPortLeft
from onhook.media.found import FoundStream
from onhook.media.g711 import FRAME_MS, Codec
from onhook.media.plane import MediaPlane, PortReservation
from onhook.media.remains import Before, LeftDigit, Reached
from onhook.media.stream import (
    Latching,
    Signs,
    Stream,
    StreamListener,
    StreamStats,
    hear_before,
)
from onhook.phone.sdp import NOBODY, RemoteMedia

log = structlog.get_logger()


PATIENCE_S = 2.0
"""A disk that does not write for so long is no reason to send audio to who may be gone."""

_FIRST = 1
"""The number of the first message of a stream."""
_LOOPBACK = ("127.0.0.1", "::1")
_DISCARD = 9


@dataclass(frozen=True, slots=True)
class LeftAudio:
    """What an earlier process has left of the audio of a leg: its stream in the media plane, or its port, if
    it had one and no stream, or one in a plane that is gone."""

    found: FoundStream | None = None
    port: PortReservation | None = None
    reached: Reached | None = None
    """How far its stream was in a plane that is gone, where that is known."""
    last_play: int = 0
    """The numbers of messages in another stream count on from this one."""
    before: tuple[tuple[int, int], ...] = ()
    """In which planes that are gone it was: `KeptAudio.before`."""
    owed: Sequence[LeftDigit] = ()
    """Keys that these told of, and that are not in the record."""


class CallMedia:
    """The media of one leg. Nothing of it needs the stream to be open; what comes too late is nothing."""

    def __init__(
        self,
        plane: MediaPlane,
        spools: Spools,
        listener: StreamListener,
        on_change: Callable[[], None] = lambda: None,
        behind: Callable[[Callable[[], None]], None] = lambda then: then(),
        trace: LegTrace | None = None,
    ) -> None:
        """``on_change`` hears that something else plays or is recorded, of which nobody else is told.
        ``behind`` calls what it is given when everything that was written until now is on disk. ``trace``
        keeps what is heard."""
        self._plane = plane
        self._recordings = LegRecordings(spools)
        self._behind = behind
        self._listener: StreamListener | None = listener
        self._trace = trace or LegTrace()
        self.player = Player(on_change, self._trace)
        """What plays in it."""
        self._port: PortReservation | None = None
        self.figures: Fields = ()
        """What its audio was like; known once it is closed, if there was a stream."""
        self.carried: Mapping[str, int] = {}
        """What the log says of its stream; known once it is closed, if there was one."""
        self._remote: RemoteMedia | None = None
        self._latching = Latching()
        self.srtp = ""
        """The suite by which it is encrypted; empty in the clear."""
        self._before: tuple[tuple[int, int], ...] = ()

    @property
    def stream(self) -> Stream | None:
        """What its audio goes through; None while nothing is agreed, and when it is over."""
        return self.player.stream

    @stream.setter
    def stream(self, stream: Stream | None) -> None:
        self.player.stream = stream

    @property
    def reserved(self) -> bool:
        """Whether there is a port."""
        return self._port is not None or self.player.stream is not None

    @property
    def port(self) -> int:
        """The port that the other side is told."""
        holder = self._port or self.player.stream
        if holder is None:
            raise AssertionError("a leg gets its port before anybody is told of it")
        return holder.port

    @property
    def recordings(self) -> tuple[str, ...]:
        """The names of those that go on."""
        return tuple(self._recordings.going_on)

    @property
    def audio(self) -> KeptAudio:
        """What another process needs to open its stream anew, should the media plane be gone as well."""
        player = self.player
        playing = player.playing
        return KeptAudio.of(
            player.stream,
            self._remote,
            playing.id if playing else _FIRST,
            self._recordings.going_on,
            self._before,
        )

    @property
    def takes_events(self) -> bool:
        """Whether telephone-events were negotiated."""
        return self.stream is not None and self.stream.sends_events

    @property
    def signs(self) -> Signs | None:
        """What is known of its phone; None while there is no stream."""
        stream = self.player.stream
        return stream.signs if stream is not None and stream.is_open else None

    def seen(self, told: Callable[[str], str]) -> Seen | None:
        """What there is to be seen of both directions; ``told`` gives the address of ours that a peer at
        this one is told. None while there is no stream."""
        if self._remote is None or self.stream is None or not self.stream.is_open:
            return None
        signalling = self._latching.signalling_ips
        try:
            ours = told(next(iter(signalling), self._remote.ip))
        except OSError:  # no route, now
            ours = ""
        return Seen(self._remote, signalling, ours, self.stream.stats_now)

    def reserve(self) -> None:
        """Gets a port. Raises RuntimeError if there is none left."""
        if self.reserved:
            return
        try:
            self._port = self._plane.reserve()
        except NoPortLeft as error:
            log.error("no_rtp_port_left")
            raise RuntimeError("every port of --rtp-ports is in use") from error

    def open(self, media: RemoteMedia, latching: Latching) -> None:
        """The other side has said where it wants audio; the second time, that it is elsewhere now."""
        self._agree(media, latching)
        if self.player.stream is not None:
            self.move(media, latching)
        elif self._port is not None and self._listener is not None:
            self.stream = self._plane.open(
                self._port,
                **_agreed(media, latching),
                protection=media.srtp,
                listener=self._listener,
            )
            self._trace.opened(self.stream)
            self._port = None

    def move(self, media: RemoteMedia, latching: Latching) -> None:
        """Something else was agreed: another address, codec or payload type, or that it listens no more.

        One that closes its stream, or holds the call by 0.0.0.0, gives no address: it is sent nothing, not
        even RTCP (RFC 3264 5.1, 6), and is where it was when it comes back.
        """
        if self.stream is None:
            return
        self._agree(media, latching)
        if media.srtp is not None:
            self.stream.protect(media.srtp)
        self.stream.agree(
            Codec(media.codecs[0]),
            media.dtmf_payload_type,
            media.dtmf_from_peer,
            on_hold=media.on_hold,
            payload_type=media.payload_type,
            comfort_noise=media.comfort_noise,
            sends_reports=media.ip != NOBODY,
            packet_ms=media.packet_ms,
        )
        self.stream.latch(latching)
        if media.ip != NOBODY:
            self.stream.set_remote((media.ip, media.port))
            self.stream.set_rtcp(media.rtcp, mux=media.rtcp_mux)

    def join(self, other: "CallMedia") -> None:
        """The two hear one another."""
        if self.stream is not None and other.stream is not None:
            self.stream.bridge(other.stream)

    def prepare_recording(self, name: str) -> Callable[[int], None]:
        """Has a recording of both sides ready. It begins with the end of the message of whose number what
        this returns is told, whoever is there to hear of that; or with ``record()``."""
        if self.stream is not None:
            self._recordings.prepare(self.stream, name)
        return partial(self._recordings.begin_behind, name)

    def record_unsaid(self, name: str) -> None:
        """The same, and it begins now; that it counts, ``record()`` says."""
        if self.stream is not None:
            self._recordings.prepare(self.stream, name)
            self._recordings.begin_unsaid(name)

    def record(self, name: str) -> None:
        """Records both sides under this name."""
        if self.stream is not None:
            self._recordings.begin(self.stream, name)

    def stop_recording(self, name: str) -> None:
        """The recording is complete."""
        self._recordings.stop(name)

    def close(self) -> None:
        """No frame leaves any more; recordings are completed. Does nothing the second time: there is no
        stream after this one.

        The plane hears of it when what it is for is on disk: a process that goes on with the call, because
        it knows of no end of it, finds its audio.
        """
        self._listener = None
        self.player.forget()
        stream = self.player.stream
        if stream is not None:
            self._trace.closed(stream)
            stats = stream.stats_now if stream.is_open else stream.stats
            if stats is not None:
                self.figures, self.carried = figures(stats), carried(stats)
            stream.close(self._when_written)
            self.player.stream = None
        if self._port is not None:
            self._port.release()
            self._port = None

    def _agree(self, media: RemoteMedia | None, latching: Latching) -> None:
        self._remote, self._latching = media, latching
        self.srtp = media.srtp.suite if media is not None and media.srtp is not None else ""

    def _when_written(self, close: Callable[[], None]) -> None:
        """What ends it is written at the end of the step that it is ended in."""
        loop = asyncio.get_running_loop()
        closed = False

        def once() -> None:
            nonlocal closed
            at_last.cancel()
            if not closed:
                closed = True
                close()

        at_last = loop.call_later(PATIENCE_S, once)
        loop.call_soon(self._behind, once)

    # What an earlier process left --------------------------------------------------------------

    def take_over(
        self,
        left: LeftAudio,
        media: RemoteMedia | None,
        latching: Latching,
        audio: KeptAudio = NO_AUDIO,
        recordings: Sequence[str] = (),
        prepared: str = "",
    ) -> None:
        """Goes on with the stream that an earlier process opened for what was agreed as ``media``, and with
        ``recordings`` of it, and one that is ``prepared`` or is to be; where its plane is gone, with
        another one as ``audio`` says; where it had opened none, with its port, if it had one. A stream with
        which nothing was agreed waits for that: its answer was not on disk, and comes again.

        Raises LookupError if it should have had a stream, and what the media plane does.
        """
        self._port, self._before = left.port, left.before
        if self._listener is None:
            raise LookupError("the leg is over")
        found = left.found
        if found is not None:
            self._adopt(found, media, latching, audio)
        elif media is not None:
            found = self._open_anew(left, media, latching, audio)
        if self.stream is not None:
            for digit in left.owed:
                self._plane.owe(digit.number, partial(hear_before, self.stream, digit.digit))
        if found is not None and self.stream is not None:
            began_s = dict(zip(recordings, map(audio.began_s, range(len(recordings))), strict=True))
            self._recordings.take_over(self.stream, found, began_s, prepared)

    def _adopt(
        self,
        found: FoundStream,
        media: RemoteMedia | None,
        latching: Latching,
        audio: KeptAudio,
    ) -> None:
        if self._listener is None:
            return
        self._agree(media, latching)
        agreed = None
        if media is not None:
            agreed = agreement(**self._agreed_then(media, latching, audio))
            agreed.ssrc = audio.ssrc
        self.stream = self._plane.adopt(
            found,
            codec=Codec.PCMU if media is None else Codec(media.codecs[0]),
            dtmf_payload_type=None if media is None else media.dtmf_payload_type,
            packet_ms=FRAME_MS if media is None else media.packet_ms,
            protection=None if media is None else media.srtp,
            listener=self._listener,
            agreed=agreed,
        )
        self._trace.opened(self.stream)

    def _open_anew(
        self, left: LeftAudio, media: RemoteMedia, latching: Latching, audio: KeptAudio
    ) -> FoundStream:
        if self._port is None or self._listener is None:
            raise LookupError("the media plane does not have its audio, and nobody its port")
        self._agree(media, latching)
        before = Before(audio.ssrc, left.last_play, left.reached)
        self.stream = self._plane.open(
            self._port,
            **self._agreed_then(media, latching, audio),
            protection=media.srtp,
            before=before,
            listener=self._listener,
        )
        self._trace.opened(self.stream)
        self._port = None
        return before.as_found(self.stream.port, self.stream.handle)

    def _agreed_then(
        self, media: RemoteMedia, latching: Latching, audio: KeptAudio
    ) -> dict[str, Any]:
        """What was agreed, of one that may be on hold at an address that is none: it is where it was."""
        how = _agreed(media, latching)
        if media.ip == NOBODY:
            hosts = (*latching.signalling_ips, *_LOOPBACK)
            reached = (host for host in hosts if "%" not in host and self._plane.reaches(host))
            how["remote"] = audio.at or (next(reached, _LOOPBACK[0]), _DISCARD)
        return how


def _agreed(media: RemoteMedia, latching: Latching) -> dict[str, Any]:
    """In the words of the media plane."""
    return {
        "remote": (media.ip, media.port),
        "codec": Codec(media.codecs[0]),
        "dtmf_payload_type": media.dtmf_payload_type,
        "dtmf_from_peer": media.dtmf_from_peer,
        "on_hold": media.on_hold,
        "payload_type": media.payload_type,
        "comfort_noise": media.comfort_noise,
        "packet_ms": media.packet_ms,
        "sends_reports": media.ip != NOBODY,
        "remote_rtcp": media.rtcp,
        "rtcp_mux": media.rtcp_mux,
        "latching": latching,
    }


def carried(stats: StreamStats) -> dict[str, int]:
    """What the log says of a stream that is gone."""
    return {
        "sent": stats.sent_packets,
        "silent": stats.silent_packets,
        "received": stats.received_packets,
        "lost": stats.lost,
        "foreign": stats.foreign,
        "unauthentic": stats.unauthentic,
        "replayed": stats.replayed,
        "send_errors": stats.send_errors,
        "reports": stats.reports,
        "reported_lost": stats.reported_lost,
        "round_trip_us": stats.round_trip_us,
    }
