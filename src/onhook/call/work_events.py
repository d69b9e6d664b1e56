"""What the block in progress hears of. Each event carries its time, in seconds of a monotonic clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Played:
    """The last frame of a block's message left at ``at``."""

    at: float
    request_id: int


@dataclass(frozen=True, slots=True)
class Digit:
    """The other side pressed a key: one of ``0123456789*#ABCD``."""

    at: float
    digit: str


@dataclass(frozen=True, slots=True)
class PeerRang:
    """The peer, whom the call is to be joined to, rings; ``audible`` if it sends sound already."""

    at: float
    audible: bool = False


@dataclass(frozen=True, slots=True)
class PeerAnswered:
    """The peer answered."""

    at: float


@dataclass(frozen=True, slots=True)
class PeerFailed:
    """The peer was not reached. ``outcome``: ``busy``, ``unanswered`` or ``failed``."""

    at: float
    outcome: str
    sip_code: int | None = None
    sip_reason: str = ""


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """The peer hung up."""

    at: float
    sip_cause: str = ""
    sip_reason: str = ""


@dataclass(frozen=True, slots=True)
class Kicked:
    """The call is put out of its room."""

    at: float


@dataclass(frozen=True, slots=True)
class Due:
    """The time that ``Call.due_at`` named has come."""

    at: float


WorkEvent = Played | Digit | Due | PeerRang | PeerAnswered | PeerFailed | PeerLeft | Kicked
"""What a running block may hear of."""
