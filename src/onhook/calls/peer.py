"""The second leg of a call: whom it is transferred to."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from onhook.call import Fields
from onhook.calls.call_media import CallMedia, LeftAudio
from onhook.calls.callees import Callee
from onhook.calls.dialogs import OpenDialog
from onhook.calls.kept_audio import KeptAudio
from onhook.calls.leg_recordings import Spools
from onhook.calls.leg_trace import LegTrace
from onhook.calls.one_way_audio import Cause, OneWayWatch, Seen
from onhook.calls.outbound import KeptOutbound, Outbound, OutboundLeg
from onhook.calls.outcomes import outcome_of
from onhook.calls.silence import SilenceWatch
from onhook.media.plane import MediaPlane
from onhook.media.play_queue import nobody_waits
from onhook.media.remains import Reached
from onhook.media.stream import Latching, Stream, StreamStats
from onhook.phone.cause import SipCause
from onhook.phone.reason import NORMAL, OUT_OF_ORDER, Reason
from onhook.phone.sdp import RemoteMedia


class PeerOwner(Protocol):
    """Who is told of a peer: the listener of the call that it belongs to."""

    def rang(self, audible: bool) -> None:
        """It rings; ``audible`` if it can be heard already."""

    def answered(self) -> None:
        """It answered."""

    def failed(self, outcome: str, sip_code: int | None, sip_reason: str) -> None:
        """It was not reached."""

    def left(self, sip_cause: str, sip_reason: str) -> None:
        """It hung up, or is not there any more."""

    def one_way(self, cause: Cause, seen: Seen) -> None:
        """It hears nothing, or nothing is heard of it."""

    def heard(self, media: Fields, carried: Mapping[str, int]) -> None:
        """What its audio was like, which is over, and what the log says that it carried."""

    def changed(self, then: Callable[[], None] | None = None) -> None:
        """What it takes to end it is another now; ``then`` is to be called when that is on disk."""

    def once_kept(self, then: Callable[[], None]) -> None:
        """``then`` is to be called when all that its leg keeps now is on disk."""


class Peer:
    """Calls somebody for a call that goes on; listens to its leg and to its stream."""

    def __init__(
        self,
        owner: PeerOwner,
        digits: str,
        *,
        plane: MediaPlane,
        spools: Spools,
        silence_s: float,
        behind: Callable[[Callable[[], None]], None],
        trace: LegTrace | None = None,
    ) -> None:
        """``behind`` calls what it is given when all that was written until now is on disk; ``trace`` keeps
        what is heard."""
        self._owner = owner
        self._digits = digits
        self._leg: OutboundLeg | None = None
        self._silence_s = silence_s
        self._silence: SilenceWatch | None = None
        self._dropped = False
        self._released = False
        self.media = CallMedia(plane, spools, self, behind=behind, trace=trace)
        self._one_way: OneWayWatch | None = None

    def reach(self, callee: Callee, outbound: Outbound) -> None:
        """Calls it; no INVITE leaves before :meth:`launch`. Raises RuntimeError if no port is left."""
        self.media.reserve()
        told = outbound.dialler.local_address_towards
        self._one_way = OneWayWatch(lambda: self.media.seen(told), self._owner.one_way)
        self._leg = outbound.dial(
            callee,
            port=self.media.port,
            listener=self,
            on_next=lambda: self._owner.changed(self.launch),
            once_kept=self._owner.once_kept,
        )

    def take_over(
        self, outbound: Outbound, kept: KeptOutbound, left: LeftAudio, audio: KeptAudio
    ) -> None:
        """It was called by an earlier process, which is gone. Raises what ``SipEndpoint.adopt`` and
        ``CallMedia.take_over`` do."""
        told = outbound.dialler.local_address_towards
        self._one_way = OneWayWatch(lambda: self.media.seen(told), self._owner.one_way)
        self._leg = leg = outbound.adopt(
            kept,
            port=kept.port,
            listener=self,
            on_next=lambda: self._owner.changed(self.launch),
            once_kept=self._owner.once_kept,
        )
        self.media.take_over(left, leg.agreed, leg.latching(), audio)
        if left.found is None and left.reached is not None and self.media.stream is not None:
            _dial_on(self._digits, self.media.stream, left.reached, audio.skipped)
        if leg.established:
            self._one_way.answered()
            self._silence = SilenceWatch(leg.probe, self._gone, self._silence_s)
        else:
            self.launch()

    def kept(self) -> Mapping[str, object] | None:
        """What it takes to go on with its leg in another process; None once it was given up."""
        return None if self._leg is None or self._dropped else self._leg.kept()

    def launch(self) -> None:
        """The INVITE leaves, of this trunk or of the next one."""
        if self._leg is not None and not self._dropped:
            self._leg.launch()

    def drop(self, reason: Reason | None = NORMAL) -> None:
        """Hangs it up, or stops calling it; its owner hears nothing more. ``reason`` is what it is told; for
        None nothing, as with ``FirstLeg.hangup``."""
        if self._dropped:
            return
        self._dropped = True
        self._stop()
        if self._leg is not None:
            self._leg.hangup(reason)

    def release(self) -> None:
        """Nothing that is still to be heard of it means anything; its phone goes on by itself."""
        if self._leg is not None:
            self._leg.release()
        self._leg = self._silence = self._one_way = None

    def pass_on(self, digit: str) -> None:
        """The call's own side pressed a key, and said so by SIP INFO only."""
        if self.media.stream is not None:
            self.media.stream.send_digits(digit, lambda _: None)

    def dialog(self) -> OpenDialog | None:
        """What it takes to end it after a restart; None once its phone has let go of it."""
        return None if self._leg is None or self._released else self._leg.dialog()

    # What the phone says (OutgoingListener) -----------------------------------------------------

    def progressed(self, code: int, media: RemoteMedia | None) -> None:
        """It rings, and may be heard: once it is (RFC 3960 3.2). Many a network says in its 180 where audio
        would come from, and sends none; until it does there is our ring back."""
        if self._dropped:
            return
        if media is not None:
            self.media.open(media, self._latching())
        self._owner.changed()
        self._owner.rang(audible=False)

    def answered(self, media: RemoteMedia) -> None:
        """It answered: what is to be dialled is dialled at once, beside whatever is said."""
        if self._dropped:
            return
        self.media.open(media, self._latching())
        if self._leg is not None:
            self._silence = SilenceWatch(self._leg.probe, self._gone, self._silence_s)
        if self._one_way is not None:
            self._one_way.answered()
        if self._digits and self.media.stream is not None:
            self.media.stream.send_digits(self._digits, lambda _: None)
        self._owner.changed()
        self._owner.answered()

    def failed(self, cause: SipCause) -> None:
        """It was not reached."""
        if self._end():
            self._owner.failed(outcome_of(cause.status), cause.status, cause.reason)

    def hung_up(self, cause: SipCause) -> None:
        """Its BYE."""
        if self._end():
            self._owner.left(cause.text, cause.reason)

    def hangup_done(self, cause: SipCause) -> None:
        """Our BYE to it is through."""
        self._end()

    def media_moved(self, media: RemoteMedia) -> None:
        """It wants its audio elsewhere."""
        self._owner.changed()
        self.media.move(media, self._latching())

    def session_lost(self, cause: SipCause) -> None:
        """It did not refresh its session; its BYE is out."""
        if self._leg is not None and not self._dropped:
            self.drop()
            self._owner.left("", "")

    def dialog_changed(self) -> None:
        """A refresh took a number."""
        self._owner.changed()

    def digit(self, digit: str) -> None:
        """It pressed a key, by SIP INFO or in RTP. Only the call's own keys steer anything."""

    # What its media say (media.StreamListener) ----------------------------------------------------

    def rtp_started(self) -> None:
        """The first audio arrived; before the answer it is early media."""
        if not self._dropped and self._silence is None:
            self._owner.rang(audible=True)

    def rtp_timeout(self) -> None:
        """No audio arrives from it: it is asked whether it is still there."""
        if self._silence is not None and self._silence.silent():
            self._owner.changed()

    def closed(self, stats: StreamStats) -> None:
        """Its stream is gone; what it carried was looked at when it was closed."""

    def _latching(self) -> Latching:
        return Latching() if self._leg is None else self._leg.latching()

    def _gone(self) -> None:
        if self._leg is not None and not self._dropped:
            self.drop(OUT_OF_ORDER)
            self._owner.left("", "")

    def _end(self) -> bool:
        """It is over at its phone; False if its owner gave it up before."""
        self._released = True
        if self._dropped:
            # Later, as it may be the owner's own step that dropped it, which is to be written whole.
            asyncio.get_running_loop().call_soon(self._owner.changed)
            return False
        self._dropped = True
        self._stop()
        return True

    def _stop(self) -> None:
        if self._silence is not None:
            self._silence.stop()
        if self._one_way is not None:
            self._one_way.stop()
        self.media.close()
        self._owner.heard(self.media.figures, self.media.carried)


def _dial_on(digits: str, stream: Stream, reached: Reached, skipped: int) -> None:
    """What was being dialled when its media plane died, which is the first that is sent on a stream."""
    done = skipped + reached.progress
    if reached.play_id == 1 and done < len(digits):
        stream.send_digits(digits, nobody_waits, done=done)
