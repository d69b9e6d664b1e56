"""What is heard in one leg of a call: its port, its stream, what plays on it, and its recordings."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from onhook.call import Fields
from onhook.calls import clock
from onhook.calls.media_figures import figures
from onhook.calls.one_way_audio import Seen
from onhook.calls.speaking import NOTHING, PreparedMessage, Speaking
from onhook.media import sounds
from onhook.media.errors import NoPortLeft
from onhook.media.g711 import Codec
from onhook.media.plane import MediaPlane, PortReservation
from onhook.media.play_queue import Playable
from onhook.media.recorder import RecordingStats
from onhook.media.stream import Latching, Signs, Stream, StreamListener, StreamStats
from onhook.phone.sdp import NOBODY, RemoteMedia

log = structlog.get_logger()


class Spools(Protocol):
    """Where recordings are written."""

    def open_spool(self, name: str) -> int:
        """A descriptor to write samples to; whoever writes closes it. Raises OSError."""

    def finish(self, name: str, stats: RecordingStats | None = None) -> None:
        """All samples are there: make what can be fetched of them."""


class Sayable(Protocol):
    """Something with a message, which is used up by being said, or kept whole."""

    message: PreparedMessage


class CallMedia:
    """The media of one leg. Nothing of it needs the stream to be open; what comes too late is nothing."""

    def __init__(self, plane: MediaPlane, spools: Spools, listener: StreamListener) -> None:
        self._plane = plane
        self._spools = spools
        self._listener = listener
        self._port: PortReservation | None = None
        self._recorders: dict[str, Callable[[], None]] = {}
        self._speaking: Speaking | None = None
        self.figures: Fields = ()
        """What its audio was like; known once it is closed, if there was a stream."""
        self.carried: Mapping[str, int] = {}
        """What the log says of its stream; known once it is closed, if there was one."""
        self.stream: Stream | None = None
        self._remote: RemoteMedia | None = None
        self._latching = Latching()

    @property
    def srtp(self) -> str:
        """The suite by which it is encrypted; empty in the clear."""
        agreed = self._remote.srtp if self._remote is not None else None
        return agreed.suite if agreed is not None else ""

    @property
    def reserved(self) -> bool:
        """Whether there is a port."""
        return self._port is not None or self.stream is not None

    @property
    def port(self) -> int:
        """The port that the other side is told."""
        holder = self._port or self.stream
        if holder is None:
            raise AssertionError("a leg gets its port before anybody is told of it")
        return holder.port

    @property
    def takes_events(self) -> bool:
        """Whether telephone-events were negotiated."""
        return self.stream is not None and self.stream.sends_events

    @property
    def signs(self) -> Signs | None:
        """What is known of its phone; None while there is no stream."""
        return self.stream.signs if self.stream is not None and self.stream.is_open else None

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
        self._remote, self._latching = media, latching
        if self.stream is not None:
            self.move(media, latching)
        elif self._port is not None:
            self.stream = self._plane.open(
                self._port,
                remote=(media.ip, media.port),
                codec=Codec(media.codecs[0]),
                dtmf_payload_type=media.dtmf_payload_type,
                dtmf_from_peer=media.dtmf_from_peer,
                on_hold=media.on_hold,
                payload_type=media.payload_type,
                comfort_noise=media.comfort_noise,
                packet_ms=media.packet_ms,
                remote_rtcp=media.rtcp,
                rtcp_mux=media.rtcp_mux,
                latching=latching,
                protection=media.srtp,
                listener=self._listener,
            )
            self._port = None

    def move(self, media: RemoteMedia, latching: Latching) -> None:
        """Something else was agreed: another address, codec or payload type, or that it listens no more.

        One that closes its stream, or holds the call by 0.0.0.0, gives no address: it is sent nothing, not
        even RTCP (RFC 3264 5.1, 6), and is where it was when it comes back.
        """
        if self.stream is None:
            return
        self._remote, self._latching = media, latching
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

    def say(
        self,
        what: Sayable,
        on_said: Callable[[float], None],
        on_failed: Callable[[], None],
        *,
        beep: bool = False,
    ) -> None:
        """Says a message, if there is one, and then a beep if one is wanted; ``on_said`` is told when the
        end of it left, also where there is nothing to be said."""
        after = PreparedMessage((sounds.beep(),)) if beep else NOTHING

        def said(at_s: float, prompts: Sequence[Playable]) -> None:
            what.message = PreparedMessage(prompts)  # complete, should it be said again
            if after.first:
                self._speak(after, lambda at_s, _: on_said(at_s), on_failed)
            else:
                on_said(at_s)

        if what.message.first:
            self._speak(what.message, said, on_failed)
        elif after.first:
            self._speak(after, lambda at_s, _: on_said(at_s), on_failed)
        else:
            asyncio.get_running_loop().call_soon(lambda: on_said(clock.now_s()))

    def loop_message(self, what: Sayable) -> None:
        """Says a message again and again; music, if there is none.

        What is not ready to its end is said once before it is repeated; if its end cannot be made,
        there is music after what there was of it, so that whoever waits knows that the call is there.
        """
        message, what.message = what.message, NOTHING  # it outlives its request
        music = (sounds.hold_music(),)
        if not message.first:
            self._repeat(music)
        elif message.rest is None:
            self._repeat(message.first)
        else:
            self._speak(
                message, lambda _, prompts: self._repeat(prompts), lambda: self._repeat(music)
            )

    def ring_back(self) -> None:
        """Lets it hear that somebody else's phone rings."""
        self._repeat((sounds.ringback(),))

    def _speak(
        self,
        message: PreparedMessage,
        on_said: Callable[[float, Sequence[Playable]], None],
        on_failed: Callable[[], None],
    ) -> None:
        """Says a message; ``on_said`` is told when its end left, and what was played for it."""
        if self.stream is None:
            return
        speaking = Speaking(
            self.stream,
            message,
            on_played=lambda at_s: on_said(at_s, speaking.said),
            on_failed=lambda _: on_failed(),
        )
        self._speaking = speaking

    def _repeat(self, prompts: Sequence[Playable]) -> None:
        if self.stream is not None:
            self.stream.loop(prompts)

    def stop_playing(self) -> None:
        """Cuts off what plays."""
        self._forget()
        if self.stream is not None and self.stream.is_open:
            self.stream.stop()

    def _forget(self) -> None:
        if self._speaking is not None:
            self._speaking.forget()
            self._speaking = None

    def join(self, other: "CallMedia") -> None:
        """The two hear one another."""
        if self.stream is not None and other.stream is not None:
            self.stream.bridge(other.stream)

    def record(self, name: str) -> None:
        """Records both sides under this name."""
        if self.stream is None:
            return
        try:
            descriptor = self._spools.open_spool(name)
        except OSError as error:  # a full disk stops no call
            log.error("recording_not_begun", reason=error.strerror)
            return
        recorder = self.stream.record(descriptor, lambda stats: self._recorded(name, stats))
        self._recorders[name] = recorder.stop

    def stop_recording(self, name: str) -> None:
        """The recording is complete."""
        stop = self._recorders.pop(name, None)
        if stop is not None:
            stop()

    def close(self) -> None:
        """No frame leaves any more; recordings are completed. Does nothing the second time."""
        self._forget()
        if self.stream is not None:
            stats = self.stream.stats_now if self.stream.is_open else self.stream.stats
            if stats is not None:
                self.figures, self.carried = figures(stats), carried(stats)
            self.stream.close()
            self.stream = None
        if self._port is not None:
            self._port.release()
            self._port = None

    def _recorded(self, name: str, stats: RecordingStats) -> None:
        self._recorders.pop(name, None)
        self._spools.finish(name, stats)


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
