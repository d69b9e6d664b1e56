"""A provisional response of ours that is sent until the caller acknowledges it (RFC 3262 3)."""

from collections.abc import Callable

from onhook import identifiers
from onhook.phone.message import Request
from onhook.phone.reliable.numbers import TAG, acknowledges
from onhook.phone.reply import HeaderLines
from onhook.phone.session_timer.keeper import Later
from onhook.phone.session_timer.terms import lists
from onhook.phone.timers import TimerHandle
from onhook.phone.transactions import ServerInvite


class ReliableRinging:
    """The one reliable provisional response of a call to us.

    It is repeated after T1, and then each time after twice as long, over any transport: a proxy may have
    lost it. After 64*T1 without a PRACK `on_unconfirmed` is called, unless it was stopped before.
    """

    def __init__(
        self,
        invite: Request,
        transaction: ServerInvite,
        later: Later,
        t1_s: float,
        on_unconfirmed: Callable[[], None],
    ) -> None:
        self.required = lists(invite, "require", TAG)
        self.possible = self.required or lists(invite, "supported", TAG)
        self.confirmed = False
        self.describes = False
        """Whether it holds a session description: then no 200 may leave before its PRACK."""
        self._cseq = invite.cseq
        self._transaction = transaction
        self._later = later
        self._t1_s = t1_s
        self._on_unconfirmed = on_unconfirmed
        self._rseq = 0
        self._timer: TimerHandle | None = None

    @property
    def sent(self) -> bool:
        """Whether it has left."""
        return self._rseq > 0

    @property
    def withholds_answer(self) -> bool:
        """Whether a 200 has to wait for the PRACK."""
        return self.sent and self.describes and not self.confirmed

    def send(self, status: int, write: Callable[[HeaderLines], bytes], *, describes: bool) -> None:
        """Send it, once; `write` makes it of the headers that make it reliable."""
        self._rseq = 1 + identifiers.randbelow(2**31 - 1)
        self.describes = describes
        data = write((("Require", TAG), ("RSeq", str(self._rseq))))
        self._repeat(status, data, self._t1_s, 64 * self._t1_s)

    def takes(self, prack: Request) -> bool:
        """Whether a PRACK acknowledges it; not twice."""
        fits = self.sent and not self.confirmed and acknowledges(prack, self._rseq, self._cseq)
        if fits:
            self.confirmed = True
            self.stop()
        return fits

    def stop(self) -> None:
        """It is not repeated any more: a final response left, or the call is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _repeat(self, status: int, data: bytes, wait_s: float, left_s: float) -> None:
        self._transaction.respond(status, data)
        wait_s = min(wait_s, left_s)

        def due() -> None:
            if left_s > wait_s:
                self._repeat(status, data, 2 * wait_s, left_s - wait_s)
            else:
                self._timer = None
                self._on_unconfirmed()

        self._timer = self._later(wait_s, due)
