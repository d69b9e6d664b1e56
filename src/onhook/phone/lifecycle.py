"""The life of a call as signalling sees it: its table of states, and what its owner is told. Pure."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Protocol

from onhook.phone.cause import SipCause
from onhook.phone.sdp import RemoteMedia


class LegListener(Protocol):
    """What the owner of any call is told. All callbacks come on the event loop."""

    def hung_up(self, cause: SipCause) -> None:
        """The peer said BYE; 200 was sent."""

    def hangup_done(self, cause: SipCause) -> None:
        """Our BYE was answered, or timed out (status 408), or the peer's BYE came instead: of the
        ACK that ours was waiting for, or at the same time as ours."""

    def media_moved(self, media: RemoteMedia) -> None:
        """The peer changed its address, codec or direction; it was agreed to."""

    def session_lost(self, cause: SipCause) -> None:
        """The peer stopped refreshing the session, or does not know it any more (RFC 4028 10): it is gone.
        A BYE is out, `hangup_done` follows."""

    def dialog_changed(self) -> None:
        """What it takes to end the call, or to go on with it, is another now: a refresh took a CSeq number,
        or came from the peer."""

    def digit(self, digit: str) -> None:
        """A digit came by SIP INFO: 0-9, *, #, A-D."""


class CallListener(LegListener, Protocol):
    """The owner of a call that somebody placed to us.

    It ends with exactly one of `cancelled`, `hung_up` and `hangup_done`, or with `reject`.
    """

    def cancelled(self, cause: SipCause) -> None:
        """The caller gave up before the answer; 487 was sent. `cause` is what its CANCEL said."""

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        """The ACK of our 200 arrived; `answer` only if the INVITE came without an offer."""

    def no_ack(self) -> None:
        """No ACK came, or one without the answer that was due, and no BYE behind it; a BYE is out,
        `hangup_done` follows."""


class OutgoingListener(LegListener, Protocol):
    """The owner of a call that we placed.

    It ends with exactly one callback: `failed` if there was no `answered`, else `hung_up` or
    `hangup_done`.
    """

    def progressed(self, code: int, media: RemoteMedia | None) -> None:
        """A 101 to 199 came; `media` if it said where early media comes from and goes to.

        Several may come, from several phones: the last media is the one to listen to.
        """

    def answered(self, media: RemoteMedia) -> None:
        """The call was answered. The ACK leaves when that is on disk (`DialogClient.once_kept`)."""

    def failed(self, cause: SipCause) -> None:
        """There is no call: `status` is what refused it.

        487 after `hangup`, also where an answer crossed it and was hung up; 408 if nobody answered
        at all; 488 if the answer had no audio for us, and was hung up; 503 if there was no
        connection, or the trunk's host is unknown.
        """


class CallState(Enum):
    """Where a call is. The first three are of calls to us, the next three of calls of ours."""

    __hash__ = object.__hash__  # each is one object, and Enum's own is slow
    OFFERED = auto()
    ANSWERED = auto()
    """200 sent, no ACK yet."""
    LEAVING = auto()
    """The owner hung up before the ACK; the BYE waits for it (RFC 3261 15)."""
    DIALLING = auto()
    """Our INVITE is out, or about to be; nothing came back."""
    PROCEEDING = auto()
    """A provisional response came: the phone may be ringing."""
    WITHDRAWN = auto()
    """The owner hung up before the answer; CANCEL is out, or waits for a provisional response."""
    ESTABLISHED = auto()
    CLOSING = auto()
    """Our BYE is out."""
    ENDED = auto()


class CallEvent(Enum):
    """What moves a call from one state to the next."""

    __hash__ = object.__hash__  # each is one object, and Enum's own is slow
    ANSWER = auto()
    REJECT = auto()
    WITHDRAWN = auto()
    ACK = auto()
    NO_ACK = auto()
    HANGUP = auto()
    LOST = auto()
    """The session was not refreshed."""
    BYE = auto()
    BYE_DONE = auto()
    PROGRESS = auto()
    """A provisional response to our INVITE."""
    CHALLENGE = auto()
    """A 401 or 407 that we can answer; the INVITE goes out once more."""
    SUCCESS = auto()
    """A 2xx to our INVITE."""
    USELESS = auto()
    """The same, with no audio for us or in no shape to talk to."""
    REFUSAL = auto()
    """Our INVITE was refused, not answered, or could not be sent."""


Moves = Mapping[tuple[CallState, CallEvent], CallState]

MOVES: Moves = {
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
    (CallState.ESTABLISHED, CallEvent.LOST): CallState.CLOSING,
    (CallState.ESTABLISHED, CallEvent.BYE): CallState.ENDED,
    (CallState.CLOSING, CallEvent.BYE): CallState.ENDED,  # both at once: nobody is left to answer
    (CallState.CLOSING, CallEvent.BYE_DONE): CallState.ENDED,
}
"""What may happen when to a call to us.

An owner's mistake raises; anything else that is not here is ignored.
"""

OUTGOING_MOVES: Moves = {
    (CallState.DIALLING, CallEvent.PROGRESS): CallState.PROCEEDING,
    (CallState.DIALLING, CallEvent.CHALLENGE): CallState.DIALLING,
    (CallState.DIALLING, CallEvent.SUCCESS): CallState.ESTABLISHED,
    (CallState.DIALLING, CallEvent.USELESS): CallState.CLOSING,
    (CallState.DIALLING, CallEvent.REFUSAL): CallState.ENDED,
    (CallState.DIALLING, CallEvent.HANGUP): CallState.WITHDRAWN,
    (CallState.PROCEEDING, CallEvent.PROGRESS): CallState.PROCEEDING,
    (CallState.PROCEEDING, CallEvent.CHALLENGE): CallState.DIALLING,
    (CallState.PROCEEDING, CallEvent.SUCCESS): CallState.ESTABLISHED,
    (CallState.PROCEEDING, CallEvent.USELESS): CallState.CLOSING,
    (CallState.PROCEEDING, CallEvent.REFUSAL): CallState.ENDED,
    (CallState.PROCEEDING, CallEvent.HANGUP): CallState.WITHDRAWN,
    (CallState.WITHDRAWN, CallEvent.PROGRESS): CallState.WITHDRAWN,
    (CallState.WITHDRAWN, CallEvent.SUCCESS): CallState.CLOSING,  # it crossed our CANCEL
    (CallState.WITHDRAWN, CallEvent.USELESS): CallState.CLOSING,
    (CallState.WITHDRAWN, CallEvent.REFUSAL): CallState.ENDED,
    (CallState.ESTABLISHED, CallEvent.NO_ACK): CallState.CLOSING,  # of a re-INVITE (RFC 3261 14.2)
    (CallState.ESTABLISHED, CallEvent.HANGUP): CallState.CLOSING,
    (CallState.ESTABLISHED, CallEvent.LOST): CallState.CLOSING,
    (CallState.ESTABLISHED, CallEvent.BYE): CallState.ENDED,
    (CallState.CLOSING, CallEvent.BYE): CallState.ENDED,
    (CallState.CLOSING, CallEvent.BYE_DONE): CallState.ENDED,
}
"""The same of a call of ours."""
