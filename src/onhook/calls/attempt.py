"""One try of a call that leaves through trunks: one server of one of them."""

from collections.abc import Callable
from typing import Protocol

from onhook.calls.callees import Route
from onhook.phone.addresses import Address
from onhook.phone.cause import SipCause
from onhook.phone.lifecycle import CallState, OutgoingListener
from onhook.phone.outgoing import CANCELLED, OutgoingCall
from onhook.phone.reason import TIMER_EXPIRED, Reason
from onhook.phone.sdp import RemoteMedia
from onhook.phone.timers import Clock, TimerHandle

LET_GO_S = 4.0
"""A call that was hung up before its answer is over for its owner after this, though its trunk, which may be
gone, has not said so. What still comes of it the phone answers: with CANCEL, or ACK and BYE."""


class Trunks(Protocol):
    """Who counts what becomes of tries (Outbound)."""

    timers: Clock

    def note(self, route: Route, outcome: str, *, absent: bool = False) -> None:
        """What a call through a trunk came to."""


class Attempt:
    """One trunk's try (phone.OutgoingListener): hands on what the leg's owner is to hear."""

    call: OutgoingCall

    def __init__(
        self,
        route: Route,
        outbound: "Trunks",
        owner: OutgoingListener,
        on_unanswered: Callable[["Attempt", SipCause], None],
    ) -> None:
        self.route = route
        self.rang = False
        self._outbound = outbound
        self._owner = owner
        self._on_unanswered = on_unanswered
        self._timer: TimerHandle | None = None
        self._over = False

    def take_others(self) -> tuple[Address, ...]:
        """The other servers of the trunk, if they were found when the INVITE left; once."""
        others, self.call.others = self.call.others, ()
        return others

    def server_failed(self, cause: SipCause) -> bool:
        """Whether it is this server that failed (RFC 3263 4.3), and another of the trunk may be there."""
        unheard = cause.status == 408 and not self.call.heard
        return not self.rang and (cause.status == 503 or unheard)

    def be_impatient(self, patience_s: float) -> None:
        """It is given up if it says nothing for a while."""
        if not self._over and self._timer is None:
            self._timer = self._outbound.timers.call_later(patience_s, self._impatient)

    def hangup(self, reason: Reason) -> None:
        """Taken back, or hung up."""
        waiting = self.call.state in (CallState.DIALLING, CallState.PROCEEDING)
        self.call.hangup(reason)
        if waiting and not self._over:
            self._stop_timer()
            self._timer = self._outbound.timers.call_later(LET_GO_S, self._let_go)

    def release(self) -> None:
        """Nobody hears of it any more; the phone goes on by itself, if anything is left to be said."""
        self._end()
        self.call.release()

    def _let_go(self) -> None:
        if not self._over:
            self._end()
            self._on_unanswered(self, CANCELLED)

    def _impatient(self) -> None:
        """If there was no answer at all, it is taken back; should it come late, the phone ends it."""
        if not self._over and self.call.state is CallState.DIALLING:
            self._end()
            self.call.give_up(TIMER_EXPIRED)
            self._on_unanswered(self, SipCause(408, None, "the trunk says nothing"))

    def _took_it(self) -> None:
        if not self.rang:
            self.rang = True
            self._outbound.note(self.route, "taken")
            self._stop_timer()

    def _end(self) -> None:
        self._over = True
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # What the phone says (OutgoingListener) -------------------------------------------------------

    def progressed(self, code: int, media: RemoteMedia | None) -> None:
        """It rings: this trunk has the call."""
        if self._over:
            return
        self._took_it()
        self._owner.progressed(code, media)

    def answered(self, media: RemoteMedia) -> None:
        """Somebody answered."""
        if self._over:
            return
        self._took_it()
        self._owner.answered(media)

    def failed(self, cause: SipCause) -> None:
        """There is no call through this trunk."""
        if self._over:
            return
        self._end()
        self._on_unanswered(self, cause)

    def hung_up(self, cause: SipCause) -> None:
        """The callee's BYE."""
        self._owner.hung_up(cause)

    def hangup_done(self, cause: SipCause) -> None:
        """Our BYE is through."""
        self._owner.hangup_done(cause)

    def media_moved(self, media: RemoteMedia) -> None:
        """The callee wants its audio elsewhere."""
        self._owner.media_moved(media)

    def session_lost(self, cause: SipCause) -> None:
        """The callee is gone."""
        self._owner.session_lost(cause)

    def dialog_changed(self) -> None:
        """A refresh took a number."""
        self._owner.dialog_changed()

    def digit(self, digit: str) -> None:
        """The callee pressed a key (SIP INFO)."""
        self._owner.digit(digit)
