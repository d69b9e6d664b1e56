"""The works of Transfer: the call is joined to another one, or to a room, and stays so until its end.

A message may come first. While the peer's phone rings the caller hears ring back, or what the peer's
network lets it hear (early media).
"""

import enum
from dataclasses import dataclass, replace

from onhook.blocks.call import CallRequest
from onhook.blocks.conference import ConferenceRequest
from onhook.blocks.declaration import RING_S
from onhook.blocks.destination import RoomDestination
from onhook.blocks.transfer import TransferRequest
from onhook.call.effects import (
    Bridge,
    DropPeer,
    Effect,
    JoinRoom,
    Play,
    Reach,
    RingBack,
    StopPlaying,
)
from onhook.call.ending import End, EndedBy, Fields
from onhook.call.work import Job, Over, Then, Turn, Work
from onhook.call.work_events import (
    Digit,
    Due,
    Kicked,
    PeerAnswered,
    PeerFailed,
    PeerLeft,
    PeerRang,
    Played,
    WorkEvent,
)

UNANSWERED = "unanswered"

_TOGETHER: tuple[Effect, ...] = (StopPlaying(), Bridge())


class Phase(enum.Enum):
    """How far a transfer has come."""

    SAYING = "saying"
    REACHING = "reaching"
    JOINED = "joined"


@dataclass(frozen=True, slots=True)
class Transferring(Work):
    """Calls the peer for ``ring_s`` at the most, and joins the two calls.

    ``goes_on`` is what ``on_failure=continue`` asks for: the application has the word when the peer was
    not reached. Otherwise the call ends then. ``field`` is the notification's name for the outcome. The
    two stay joined for ``longest_s`` at the most, where it is given.
    """

    ring_s: float
    goes_on: bool = False
    field: str = "transfer_status"
    longest_s: float | None = None
    phase: Phase = Phase.SAYING
    due_at: float | None = None

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """The message, or the call to the peer."""
        if job.speaks:
            return Turn(self, (Play(job.request_id),))
        return self._reach(job, at)

    def happen(self, job: Job, event: WorkEvent) -> Turn | None:
        """What the message, the peer and the clock say."""
        match self.phase, event:
            case Phase.SAYING, Played(at):
                return self._reach(job, at)
            case Phase.REACHING, PeerRang(_, audible):
                return Turn(self, _TOGETHER if audible else (), due_at=self.due_at)
            case Phase.REACHING, PeerAnswered(at):
                return self._joined(at)
            case Phase.REACHING, PeerFailed(at, outcome, code, reason):
                return self._failed(at, outcome, code, reason)
            case Phase.REACHING, Due(at) if self.due_at is not None and at >= self.due_at:
                return self._failed(at, UNANSWERED, None, "", DropPeer())
            case Phase.JOINED, Due(at) if self.due_at is not None and at >= self.due_at:
                end = End(at, EndedBy.SYSTEM, "max_duration")
                return Turn(self, over=Over(Then.LEAVE, self.parting(), end))
            case Phase.JOINED, PeerLeft(at, sip_cause, reason):
                end = End(at, EndedBy.CALLEE, "hangup", sip_cause, sip_reason=reason)
                return Turn(self, over=Over(Then.LEAVE, self.parting(), end))
            case _, Digit():
                return Turn(self, due_at=self.due_at)  # meant for the peer, which hears it
        return None

    def parting(self) -> Fields:
        """Unanswered until it is answered."""
        outcome = "answered" if self.phase is Phase.JOINED else UNANSWERED
        return ((self.field, outcome),)

    def _reach(self, job: Job, at: float) -> Turn:
        work = replace(self, phase=Phase.REACHING, due_at=at + self.ring_s)
        return Turn(work, (RingBack(), Reach(job.request_id)), due_at=work.due_at)

    def _joined(self, at: float) -> Turn:
        due_at = None if self.longest_s is None else at + self.longest_s
        work = replace(self, phase=Phase.JOINED, due_at=due_at)
        return Turn(work, _TOGETHER, due_at=due_at)

    def _failed(
        self, at: float, outcome: str, code: int | None, reason: str, *before: Effect
    ) -> Turn:
        fields = ((self.field, outcome),)
        effects = (*before, StopPlaying())
        if self.goes_on:
            return Turn(self, effects, over=Over(Then.NEXT, fields))
        end = End(at, EndedBy.SYSTEM, "transfer_failed", sip_code=code, sip_reason=reason)
        return Turn(self, effects, over=Over(Then.LEAVE, fields, end))


@dataclass(frozen=True, slots=True)
class Meeting(Work):
    """Puts the call into a room, where it stays until it leaves or is put out.

    ``field`` is the notification's name for the outcome. That of a call which was placed for the room
    is its ``dial_status``: it was answered when this begins.
    """

    field: str = "transfer_status"
    joined: bool = False

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """The message, or the room."""
        if job.speaks:
            return Turn(self, (Play(job.request_id),))
        return self._join(job)

    def happen(self, job: Job, event: WorkEvent) -> Turn | None:
        """Heard, or kicked."""
        match event:
            case Played() if not self.joined:
                return self._join(job)
            case Kicked(at):
                end = End(at, EndedBy.APPLICATION, "kicked")
                return Turn(self, over=Over(Then.LEAVE, self.parting(), end))
            case Digit():
                return Turn(self)
        return None

    def parting(self) -> Fields:
        """A room always answers."""
        answered = self.joined or self.field == "dial_status"
        return ((self.field, "answered" if answered else UNANSWERED),)

    def _join(self, job: Job) -> Turn:
        return Turn(replace(self, joined=True), (JoinRoom(job.request_id),))


def transfer(request: TransferRequest) -> Transferring | Meeting:
    """A Transfer to a number or to a room."""
    if isinstance(request.dest, RoomDestination):
        return Meeting()
    return Transferring(request.ring_time, goes_on=request.on_failure == "continue")


def call(request: CallRequest) -> Transferring:
    """A call of two numbers, of which the first has answered when this begins."""
    return Transferring(RING_S, field="call_status_dest2", longest_s=request.max_duration)


def conference(request: ConferenceRequest) -> Meeting:
    """A call that was placed for the room."""
    return Meeting(field="dial_status")
