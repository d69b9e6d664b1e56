"""Everything that can happen to a call; what its block hears of is in `work_events`.

Each event carries its time, in seconds of a monotonic clock.
"""

from dataclasses import dataclass

from onhook.call.ending import Gone
from onhook.call.work import Job
from onhook.call.work_events import WorkEvent


@dataclass(frozen=True, slots=True)
class Requested:
    """An application asks for a block. ``job.speaks`` and ``job.force`` are as the request has them."""

    at: float
    job: Job


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a reserved block needs is ready: message rendered, notify_url reachable."""

    at: float
    request_id: int


@dataclass(frozen=True, slots=True)
class PreparationFailed:
    """What a reserved block needs cannot be had; its request is refused by whoever prepared it."""

    at: float
    request_id: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The caller's ACK to our 200 arrived (RFC 3261, 13.3.1.4)."""

    at: float


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """Our 200 was repeated for 64*T1 and never acknowledged; a BYE was sent (RFC 3261, 13.3.1.4)."""

    at: float


@dataclass(frozen=True, slots=True)
class MessageBroken:
    """A later part of a block's message could not be made; what was made of it was heard."""

    at: float
    request_id: int


@dataclass(frozen=True, slots=True)
class Connected:
    """The callee of an outgoing call answered; its 200 was acknowledged."""

    at: float


@dataclass(frozen=True, slots=True)
class Unreached:
    """An outgoing call was not answered. ``outcome``: ``busy``, ``unanswered`` or ``failed``."""

    at: float
    outcome: str
    sip_code: int | None = None
    sip_cause: str = ""
    sip_reason: str = ""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The far end's BYE arrived."""

    at: float
    sip_cause: str = ""
    sip_reason: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up while it rang (CANCEL)."""

    at: float
    sip_cause: str = ""
    sip_reason: str = ""


@dataclass(frozen=True, slots=True)
class HangupDone:
    """The transaction of our BYE, or of our rejection, is over: answered or timed out.

    ``gone`` if it showed that the far end had not been there any more when the BYE left.
    """

    at: float
    gone: Gone | None = None


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The far end is ``gone``; or, without that, the media plane cannot carry the call: or it ``crashed``."""

    at: float
    gone: Gone | None = None
    crashed: bool = False


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The process ends: what it still has must not be left open."""

    at: float


@dataclass(frozen=True, slots=True)
class SessionExpired:
    """The call has lasted as long as any call may: the time that ``Call.expires_at`` named has come."""

    at: float


@dataclass(frozen=True, slots=True)
class OutOfCredit:
    """The account's credit does not cover the next step of the call: ``at`` is where it runs out."""

    at: float


@dataclass(frozen=True, slots=True)
class Untold:
    """The application cannot be told of a call that rings: its number's URL may not be called."""

    at: float


Event = (
    Requested
    | Prepared
    | PreparationFailed
    | Acknowledged
    | Unacknowledged
    | Connected
    | Unreached
    | MessageBroken
    | HungUp
    | Cancelled
    | HangupDone
    | MediaLost
    | Shutdown
    | SessionExpired
    | OutOfCredit
    | Untold
    | WorkEvent
)
