"""What the phone of a call's first leg says, as events of the call."""

from collections.abc import Callable

from onhook import call as machine
from onhook.calls import clock
from onhook.calls.call_media import CallMedia
from onhook.calls.first_leg import FirstLeg
from onhook.calls.keypad import Keypad
from onhook.calls.ongoing import OngoingCall
from onhook.calls.outcomes import outcome_of
from onhook.calls.presence import Presence
from onhook.phone.cause import SipCause
from onhook.phone.sdp import RemoteMedia


class PhoneListener:
    """Listens to the first leg of a call, whoever placed it (FirstLegListener)."""

    __slots__ = ("_call", "_keypad", "_leg", "_media", "_on_talking", "_presence")

    def __init__(
        self,
        call: OngoingCall,
        leg: FirstLeg,
        media: CallMedia,
        keypad: Keypad,
        presence: Presence,
        on_talking: Callable[[], None],
    ) -> None:
        """``on_talking`` is called when both sides should hear each other."""
        self._call = call
        self._leg = leg
        self._media = media
        self._keypad = keypad
        self._presence = presence
        self._on_talking = on_talking

    def cancelled(self, cause: SipCause) -> None:
        """CANCEL while it rang."""
        self._call.feed(machine.Cancelled(clock.now_s(), cause.text, cause.reason))

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        """The ACK to our 200; with the SDP answer if the INVITE had no offer."""
        self._call.dialog_changed()
        if answer is not None:
            self._open(answer)
        self._on_talking()
        self._call.feed(machine.Acknowledged(clock.now_s()))

    def no_ack(self) -> None:
        """Our 200 was never acknowledged; the phone has sent the BYE."""
        self._call.feed(machine.Unacknowledged(clock.now_s()))

    def leg_changed(self, then: Callable[[], None]) -> None:
        """Another trunk is tried; its INVITE leaves when it could be taken back after a crash."""
        self._call.save_dialog(then)

    def once_kept(self, then: Callable[[], None]) -> None:
        """Something is to leave that no other process could know of before."""
        self._call.note_audio(then)

    def progressed(self, code: int, media: RemoteMedia | None) -> None:
        """The callee's phone rings. What can be heard of it is heard by nobody."""
        self._call.save_dialog()

    def answered(self, media: RemoteMedia) -> None:
        """The callee answered."""
        self._call.dialog_changed()
        self._open(media)
        self._on_talking()
        self._call.feed(machine.Connected(clock.now_s()))

    def failed(self, cause: SipCause) -> None:
        """The callee did not answer."""
        code = cause.status
        outcome = outcome_of(code)
        self._call.feed(machine.Unreached(clock.now_s(), outcome, code, cause.text, cause.reason))

    def hung_up(self, cause: SipCause) -> None:
        """The far end's BYE."""
        self._call.feed(machine.HungUp(clock.now_s(), cause.text, cause.reason))

    def hangup_done(self, cause: SipCause) -> None:
        """The transaction of our BYE is over."""
        end = self._call.now.end
        since = self._presence.gone_since(cause, end.at) if end else None
        gone = machine.Gone(since, self._presence.received_s) if since is not None else None
        self._call.feed(machine.HangupDone(clock.now_s(), gone))

    def media_moved(self, media: RemoteMedia) -> None:
        """A re-INVITE gave another address for the audio."""
        self._call.dialog_changed()
        self._media.move(media, self._leg.latching())

    def session_lost(self, cause: SipCause) -> None:
        """The far end is not there any more: since when, its last sign says; its BYE is out."""
        now_s = clock.now_s()
        gone = machine.Gone(self._presence.seen_s or now_s, self._presence.received_s)
        self._call.feed(machine.MediaLost(now_s, gone))

    def dialog_changed(self) -> None:
        """A refresh took a number."""
        self._call.save_dialog()

    def digit(self, digit: str) -> None:
        """A key, by SIP INFO, which took a number of the dialog."""
        self._call.dialog_changed()
        self._keypad.by_info(digit, events=self._media.takes_events)

    def _open(self, media: RemoteMedia) -> None:
        self._call.guarded(lambda: self._media.open(media, self._leg.latching()))
