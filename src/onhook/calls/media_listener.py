"""What the audio of a call's first leg says, as events of the call."""

import structlog

from onhook import call as machine
from onhook.calls import clock
from onhook.calls.call_media import CallMedia
from onhook.calls.first_leg import FirstLeg
from onhook.calls.keypad import Keypad
from onhook.calls.leg_trace import LegTrace
from onhook.calls.one_way_audio import Cause, OneWayWatch, Seen, log_one_way
from onhook.calls.ongoing import OngoingCall
from onhook.calls.presence import Presence
from onhook.calls.services import CallServices
from onhook.calls.silence import SilenceWatch
from onhook.media.stream import StreamStats

log = structlog.get_logger()


class MediaListener:
    """Listens to the stream of a call's first leg (media.StreamListener); ``media`` is that leg's."""

    __slots__ = (
        "_call",
        "_keypad",
        "_plane",
        "_presence",
        "_silence",
        "_silence_s",
        "heard_until",
        "media",
        "one_way",
    )

    def __init__(
        self,
        call: OngoingCall,
        leg: FirstLeg,
        keypad: Keypad,
        presence: Presence,
        services: CallServices,
    ) -> None:
        self._call = call
        self._keypad = keypad
        self._presence = presence
        self._plane = services.plane
        self._silence_s = services.silence_s
        self._silence = SilenceWatch(leg.probe, self._gone, services.silence_s)
        self.media = CallMedia(
            services.plane,
            services.spools,
            self,
            call.note_audio,
            services.journal.behind,
            LegTrace(services.trace, call.record.session),
        )
        self.heard_until = 0
        """Keys that the plane tells up to this number are in the record already."""
        self.one_way = OneWayWatch(lambda: self.media.seen(services.local_ip), self._one_way)

    def stop(self) -> None:
        """The call is on its way out: its silence means nothing any more."""
        self._note_signs()
        self._silence.stop()
        self.one_way.stop()

    def release(self) -> None:
        """The call is over: nothing of it is watched any more."""
        self.one_way.release()

    def digit(self, digit: str) -> None:
        """A key went down (RFC 4733)."""
        if self._plane.event_at_hand > self.heard_until:
            self._keypad.in_rtp(digit)

    def rtp_started(self) -> None:
        """The first audio arrived."""

    def rtp_timeout(self) -> None:
        """No audio arrives. Callers may be silent (they need not send), so the phone is asked."""
        if self._silence.silent():
            log.info("caller_silent", session=self._call.record.session)
            self._call.save_dialog()  # the question took a number of the dialog

    def resume(self) -> None:
        """The call was an earlier process's, which may have asked its phone: who is silent is asked again."""
        if self._call.now.acknowledged:
            self.one_way.answered()
        signs = self.media.signs
        if signs is None or not self._silence_s:
            return
        if clock.now_s() - (signs.heard_s or 0.0) > self._silence_s:
            self._silence.again()

    def closed(self, stats: StreamStats) -> None:
        """The stream is gone; what it carried was looked at when it was closed."""

    def _one_way(self, cause: Cause, seen: Seen) -> None:
        log_one_way(cause, seen, leg="phone", session=self._call.record.session)

    def _gone(self) -> None:
        """The phone does not know the call any more, or there is no phone."""
        self._note_signs()
        now_s, last_s = clock.now_s(), self._presence.last_s
        gone = machine.Gone(now_s if last_s is None else last_s, self._presence.received_s)
        self._call.feed(machine.MediaLost(now_s, gone))

    def _note_signs(self) -> None:
        signs = self.media.signs
        if signs is not None:
            self._presence.media(signs)
