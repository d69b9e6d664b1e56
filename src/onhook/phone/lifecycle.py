"""The life of a call as signalling sees it: its table of states, and what its owner is told. Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol

from onhook.phone.cause import SipCause
from onhook.phone.sdp import RemoteMedia


class CallListener(Protocol):
    """The owner of a call. All callbacks come on the event loop.

    A call ends with exactly one of `cancelled`, `hung_up` and `hangup_done`, or with `reject`.
    """

    def cancelled(self) -> None:
        """The caller gave up before the answer; 487 was sent."""

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        """The ACK of our 200 arrived; `answer` only if the INVITE came without an offer."""

    def hung_up(self, cause: SipCause) -> None:
        """The peer said BYE; 200 was sent."""

    def hangup_done(self, cause: SipCause) -> None:
        """Our BYE was answered, or timed out (status 408), or the peer's BYE came instead of the ACK
        that ours was waiting for."""

    def no_ack(self) -> None:
        """No ACK came, or one without the answer that was due; a BYE is out, `hangup_done` follows."""

    def media_moved(self, media: RemoteMedia) -> None:
        """The peer changed its address, codec or direction; it was agreed to."""

    def digit(self, digit: str) -> None:
        """A digit came by SIP INFO: 0-9, *, #, A-D."""


class CallState(Enum):
    """Where a call is."""

    OFFERED = auto()
    ANSWERED = auto()
    """200 sent, no ACK yet."""
    LEAVING = auto()
    """The owner hung up before the ACK; the BYE waits for it (RFC 3261 15)."""
    ESTABLISHED = auto()
    CLOSING = auto()
    """Our BYE is out."""
    ENDED = auto()


class CallEvent(Enum):
    """What moves a call from one state to the next."""

    ANSWER = auto()
    REJECT = auto()
    WITHDRAWN = auto()
    ACK = auto()
    NO_ACK = auto()
    HANGUP = auto()
    BYE = auto()
    BYE_DONE = auto()


MOVES: dict[tuple[CallState, CallEvent], CallState] = {
    (CallState.OFFERED, CallEvent.ANSWER): CallState.ANSWERED,
    (CallState.OFFERED, CallEvent.REJECT): CallState.ENDED,
    (CallState.OFFERED, CallEvent.WITHDRAWN): CallState.ENDED,
    (CallState.ANSWERED, CallEvent.ACK): CallState.ESTABLISHED,
    (CallState.ANSWERED, CallEvent.NO_ACK): CallState.CLOSING,
    (CallState.ANSWERED, CallEvent.HANGUP): CallState.LEAVING,
    (CallState.ANSWERED, CallEvent.BYE): CallState.ENDED,
    (CallState.LEAVING, CallEvent.ACK): CallState.CLOSING,
    (CallState.LEAVING, CallEvent.NO_ACK): CallState.CLOSING,
    (CallState.LEAVING, CallEvent.BYE): CallState.ENDED,
    (CallState.ESTABLISHED, CallEvent.NO_ACK): CallState.CLOSING,  # of a re-INVITE (RFC 3261 14.2)
    (CallState.ESTABLISHED, CallEvent.HANGUP): CallState.CLOSING,
    (CallState.ESTABLISHED, CallEvent.BYE): CallState.ENDED,
    (CallState.CLOSING, CallEvent.BYE): CallState.CLOSING,  # both at once: wait for our answer
    (CallState.CLOSING, CallEvent.BYE_DONE): CallState.ENDED,
}
"""What may happen when. An owner's mistake raises; anything else that is not here is ignored."""
