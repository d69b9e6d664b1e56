"""A provisional response of ours that is sent until the caller acknowledges it (RFC 3262 3)."""

from collections.abc import Callable, Mapping
from typing import Any

from onhook import identifiers
from onhook.phone.kept.reading import Fields
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
    lost it. After 64*T1 without a PRACK whoever sent it is told (`on_unconfirmed`), unless it was stopped
    before. Without an `invite` there is none to be sent any more.
    """

    def __init__(
        self,
        invite: Request | None,
        transaction: ServerInvite | None,
        later: Later,
        t1_s: float,
    ) -> None:
        self.required = invite is not None and lists(invite, "require", TAG)
        self.possible = self.required or (invite is not None and lists(invite, "supported", TAG))
        self.confirmed = False
        self.describes = False
        """Whether it holds a session description: then no 200 may leave before its PRACK."""
        self._cseq = invite.cseq if invite is not None else 0
        self._transaction = transaction
        self._later = later
        self._t1_s = t1_s
        self._rseq = 1 + identifiers.randbelow(2**31 - 1) if self.possible else 0
        self._data = b""
        self._timer: TimerHandle | None = None

    @property
    def sent(self) -> bool:
        """Whether it has left."""
        return self._data != b""

    @property
    def withholds_answer(self) -> bool:
        """Whether a 200 has to wait for the PRACK."""
        return self.sent and self.describes and not self.confirmed

    def send(
        self,
        status: int,
        write: Callable[[HeaderLines], bytes],
        on_unconfirmed: Callable[[], None],
        *,
        describes: bool,
    ) -> None:
        """Send it, once; `write` makes it of the headers that make it reliable."""
        self.describes = describes
        self._data = write((("Require", TAG), ("RSeq", str(self._rseq))))
        self._repeat(status, self._data, on_unconfirmed, self._t1_s, 64 * self._t1_s)

    def takes(self, prack: Request) -> bool:
        """Whether a PRACK acknowledges it; not twice."""
        fits = self.sent and not self.confirmed and acknowledges(prack, self._rseq, self._cseq)
        if fits:
            self.confirmed = True
            self.stop()
        return fits

    def kept(self, keys: dict[str, str]) -> dict[str, Any]:
        """What another process needs to go on with it; one with a key in it is a secret."""
        text = self._data.decode("utf-8", "surrogateescape")
        secret = "a=crypto:" in text
        if secret:
            keys["ringing"] = text
        return {
            "rseq": self._rseq,
            "confirmed": self.confirmed,
            "describes": self.describes,
            "text": "" if secret else text,
        }

    def resume(self, fields: Fields, keys: Mapping[str, str]) -> None:
        """Be where another process was. Raises `KeptUnreadable`."""
        self._rseq = fields.number("rseq")
        self.confirmed, self.describes = fields.flag("confirmed"), fields.flag("describes")
        text = keys.get("ringing") or fields.text("text")
        self._data = text.encode("utf-8", "surrogateescape")

    def go_on(self, on_unconfirmed: Callable[[], None]) -> None:
        """Send it again, as the other process has until now."""
        if self.sent and not self.confirmed:
            self._repeat(180, self._data, on_unconfirmed, self._t1_s, 64 * self._t1_s)

    def stop(self) -> None:
        """It is not repeated any more: a final response left, or the call is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _repeat(
        self,
        status: int,
        data: bytes,
        on_unconfirmed: Callable[[], None],
        wait_s: float,
        left_s: float,
    ) -> None:
        if self._transaction is not None:
            self._transaction.respond(status, data)
        wait_s = min(wait_s, left_s)

        def due() -> None:
            if left_s > wait_s:
                self._repeat(status, data, on_unconfirmed, 2 * wait_s, left_s - wait_s)
            else:
                self._timer = None
                on_unconfirmed()

        self._timer = self._later(wait_s, due)
