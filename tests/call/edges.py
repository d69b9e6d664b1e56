"""What acts: for every edge of the table one line or more, with everything that has to come of it."""

from dataclasses import dataclass

from call.lives import (
    CLOSING,
    ENDING,
    ENDING_UNHEARD,
    FORCED,
    FORWARD,
    HANGUP,
    LAST_PLAY,
    LAST_WORDS,
    NEXT,
    PLAY,
    PREPARING,
    PREPARING_LATER,
    REJECTING,
    RINGING,
    RUNNING,
    SETTLING,
    UNHEARD,
    WAITING,
    Path,
    contact,
    forcing,
    hangup,
)
from onhook.call import (
    Accept,
    Acknowledged,
    Answer,
    Cancelled,
    Due,
    Effect,
    EndedBy,
    Event,
    HangUp,
    HangupDone,
    HungUp,
    MediaLost,
    Notify,
    Overtake,
    Play,
    Played,
    PreparationFailed,
    Prepared,
    Reject,
    Requested,
    Reserve,
    Shutdown,
    State,
    StopMedia,
    Unacknowledged,
)


@dataclass(frozen=True)
class Edge:
    """One thing that happens to a call, and everything that has to come of it."""

    what: str
    path: Path
    event: Event
    state: State
    effects: tuple[Effect, ...]
    due_at: float | None = None
    end: tuple[EndedBy, str] | None = None

    def __str__(self) -> str:
        return self.what


ALREADY = "error_hangup_already_in_progress"
SESSION_ENDED = "error_session_ended"

HANGS_UP = (EndedBy.APPLICATION, "hangup")
FORCES = (EndedBy.APPLICATION, "forced_hangup")
REJECTED = (EndedBy.APPLICATION, "rejected")
CALLER_LEFT = (EndedBy.CALLER, "hangup")
CANCELLED = (EndedBy.CALLER, "cancelled")
NO_ACK = (EndedBy.SYSTEM, "no_ack")
MEDIA_LOST = (EndedBy.SYSTEM, "media_lost")
RING_TIMEOUT = (EndedBy.SYSTEM, "ring_timeout")
SHUTDOWN = (EndedBy.SYSTEM, "shutdown")
IDLE_TIMEOUT = (EndedBy.SYSTEM, "idle_timeout")

BYE = (StopMedia(), HangUp())
TELL_FORWARD = Notify(FORWARD, "ended")
TELL_PLAY = Notify(contact(PLAY), "ended")
TELL_HANGUP = Notify(contact(HANGUP), "ended")
SPOKEN = hangup(3, speaks=True)

# fmt: off
EDGES: list[Edge] = [
    # Requested
    Edge("ringing: a play is reserved",
         RINGING, Requested(1.0, PLAY), State.PREPARING, (Reserve(1),)),
    Edge("ringing: a hangup is reserved",
         RINGING, Requested(1.0, HANGUP), State.PREPARING, (Reserve(2),)),
    Edge("ringing: a forced hangup is reserved beside the ringing",
         RINGING, Requested(1.0, FORCED), State.RINGING, (Reserve(9),), due_at=60.0),
    Edge("waiting: a play is reserved",
         WAITING, Requested(5.0, NEXT), State.PREPARING, (Reserve(3),)),
    Edge("waiting: a hangup is reserved",
         WAITING, Requested(5.0, SPOKEN), State.PREPARING, (Reserve(3),)),
    Edge("waiting: a forced hangup is reserved beside it",
         WAITING, Requested(5.0, FORCED), State.WAITING, (Reserve(9),), due_at=904.0),
    Edge("preparing a play: a forced hangup is reserved beside it",
         PREPARING, Requested(2.0, FORCED), State.PREPARING, (Reserve(9),)),
    Edge("running: a forced hangup is reserved beside it",
         RUNNING, Requested(4.0, FORCED), State.RUNNING, (Reserve(9),)),
    Edge("ending: a forced hangup is reserved",
         ENDING, Requested(6.5, FORCED), State.ENDING, (Reserve(9),)),
    Edge("settling: a forced hangup is reserved, the BYE stays due",
         SETTLING, Requested(7.2, FORCED), State.ENDING, (Reserve(9),), due_at=7.5),
    # Prepared
    Edge("ringing: a play answers, and waits for the ACK",
         PREPARING, Prepared(2.0, 1), State.RUNNING, (Accept(1), Answer())),
    Edge("ringing: last words answer, and wait for the ACK",
         (Requested(1.0, LAST_WORDS),), Prepared(2.0, 2), State.ENDING, (Accept(2), Answer())),
    Edge("ringing: a hangup without message rejects",
         (Requested(1.0, HANGUP),), Prepared(2.0, 2),
         State.CLOSING, (Reject(603), Accept(2)), end=REJECTED),
    Edge("answered: a play begins at once",
         (*WAITING, Requested(5.0, NEXT)), Prepared(6.0, 3), State.RUNNING, (Accept(3), Play(3))),
    Edge("answered: last words begin at once",
         PREPARING_LATER, Prepared(6.0, 2), State.ENDING, (Accept(2), Play(2))),
    Edge("answered: a hangup without message sends BYE",
         (*WAITING, Requested(5.0, HANGUP)), Prepared(6.0, 2),
         State.CLOSING, (*BYE, Accept(2)), end=HANGS_UP),
    Edge("ringing: a forced hangup rejects",
         forcing(RINGING), Prepared(7.0, 9), State.CLOSING, (Reject(603), Accept(9)), end=REJECTED),
    Edge("waiting: a forced hangup sends BYE",
         forcing(WAITING), Prepared(7.0, 9), State.CLOSING, (*BYE, Accept(9)), end=FORCES),
    Edge("preparing, ringing: a forced hangup rejects and overtakes",
         forcing(PREPARING), Prepared(7.0, 9),
         State.CLOSING, (Reject(603), Accept(9), Overtake(1, SESSION_ENDED)), end=REJECTED),
    Edge("preparing, answered: a forced hangup hangs up and overtakes",
         forcing((*WAITING, Requested(5.0, NEXT))), Prepared(7.0, 9),
         State.CLOSING, (*BYE, Accept(9), Overtake(3, SESSION_ENDED)), end=FORCES),
    Edge("preparing, forcing: the block may still begin before",
         forcing(PREPARING), Prepared(7.0, 1), State.RUNNING, (Accept(1), Answer())),
    Edge("running: a forced hangup cuts the block",
         forcing(RUNNING), Prepared(7.0, 9), State.CLOSING, (*BYE, Accept(9)), end=FORCES),
    Edge("running, no ACK yet: a forced hangup all the same",
         forcing(UNHEARD), Prepared(7.0, 9), State.CLOSING, (*BYE, Accept(9)), end=FORCES),
    Edge("ending: a forced hangup cuts the last words",
         forcing(ENDING), Prepared(7.0, 9), State.CLOSING, (*BYE, Accept(9)), end=FORCES),
    Edge("settling: a forced hangup does not wait for it",
         forcing(SETTLING, 7.2), Prepared(7.3, 9), State.CLOSING, (*BYE, Accept(9)), end=FORCES),
    # PreparationFailed
    Edge("ringing: a forced hangup is given up",
         forcing(RINGING), PreparationFailed(7.0, 9), State.RINGING, (), due_at=60.0),
    Edge("waiting: a forced hangup is given up",
         forcing(WAITING), PreparationFailed(7.0, 9), State.WAITING, (), due_at=904.0),
    Edge("preparing: a forced hangup is given up, the block goes on",
         forcing(PREPARING), PreparationFailed(7.0, 9), State.PREPARING, ()),
    Edge("running: a forced hangup is given up",
         forcing(RUNNING), PreparationFailed(7.0, 9), State.RUNNING, ()),
    Edge("ending: a forced hangup is given up",
         forcing(ENDING), PreparationFailed(7.0, 9), State.ENDING, ()),
    Edge("settling: a forced hangup is given up, the BYE stays due",
         forcing(SETTLING, 7.2), PreparationFailed(7.3, 9), State.ENDING, (), due_at=7.5),
    Edge("preparing: it rings on",
         PREPARING, PreparationFailed(2.0, 1), State.RINGING, (), due_at=60.0),
    Edge("preparing: it waits on",
         PREPARING_LATER, PreparationFailed(6.0, 2), State.WAITING, (), due_at=904.0),
    Edge("preparing, forcing: it rings on, the forced hangup stays reserved",
         forcing(PREPARING), PreparationFailed(7.0, 1), State.RINGING, (), due_at=60.0),
    # Acknowledged
    Edge("running: the message begins",
         UNHEARD, Acknowledged(3.0), State.RUNNING, (Play(1),)),
    Edge("ending: the last words begin",
         ENDING_UNHEARD, Acknowledged(3.0), State.ENDING, (Play(2),)),
    # Unacknowledged
    Edge("running: never acknowledged",
         UNHEARD, Unacknowledged(34.0), State.CLOSING, BYE, end=NO_ACK),
    Edge("running, forcing: never acknowledged",
         forcing(UNHEARD, 33.0), Unacknowledged(34.0),
         State.CLOSING, (*BYE, Overtake(9, SESSION_ENDED)), end=NO_ACK),
    Edge("ending: never acknowledged",
         ENDING_UNHEARD, Unacknowledged(34.0), State.CLOSING, BYE, end=NO_ACK),
    Edge("waiting: never acknowledged",
         WAITING, Unacknowledged(34.0), State.CLOSING, BYE, end=NO_ACK),
    Edge("preparing, answered: never acknowledged",
         PREPARING_LATER, Unacknowledged(34.0),
         State.CLOSING, (*BYE, Overtake(2, SESSION_ENDED)), end=NO_ACK),
    # Played
    Edge("running: heard, and the application has the word",
         RUNNING, Played(4.0, 1), State.WAITING, (Notify(contact(PLAY), "ongoing"),), due_at=904.0),
    Edge("running: heard, and nobody to tell",
         LAST_PLAY, Played(4.0, 1), State.ENDING, (), due_at=4.5),
    Edge("running, forcing: heard, the forced hangup stays reserved",
         forcing(RUNNING, 3.5), Played(4.0, 1),
         State.WAITING, (Notify(contact(PLAY), "ongoing"),), due_at=904.0),
    Edge("ending: heard to its last frame",
         ENDING, Played(7.0, 2), State.ENDING, (), due_at=7.5),
    # HungUp
    Edge("ringing: a BYE in place of a CANCEL",
         RINGING, HungUp(1.0), State.ENDED, (TELL_FORWARD,), end=CALLER_LEFT),
    Edge("ringing, forcing: BYE",
         forcing(RINGING), HungUp(7.0),
         State.ENDED, (Overtake(9, SESSION_ENDED), TELL_FORWARD), end=CALLER_LEFT),
    Edge("waiting: BYE",
         WAITING, HungUp(5.0), State.ENDED, (StopMedia(), TELL_PLAY), end=CALLER_LEFT),
    Edge("preparing, ringing: BYE",
         PREPARING, HungUp(2.0),
         State.ENDED, (Overtake(1, SESSION_ENDED), TELL_FORWARD), end=CALLER_LEFT),
    Edge("preparing, answered: BYE",
         PREPARING_LATER, HungUp(6.0),
         State.ENDED, (StopMedia(), Overtake(2, SESSION_ENDED), TELL_PLAY), end=CALLER_LEFT),
    Edge("preparing, forcing: BYE answers both",
         forcing((*WAITING, Requested(5.0, NEXT))), HungUp(7.0),
         State.ENDED,
         (StopMedia(), Overtake(9, SESSION_ENDED), Overtake(3, SESSION_ENDED), TELL_PLAY),
         end=CALLER_LEFT),
    Edge("running: BYE",
         RUNNING, HungUp(4.0), State.ENDED, (StopMedia(), TELL_PLAY), end=CALLER_LEFT),
    Edge("running, nobody to tell: BYE",
         LAST_PLAY, HungUp(4.0), State.ENDED, (StopMedia(),), end=CALLER_LEFT),
    Edge("running, forcing: BYE",
         forcing(RUNNING), HungUp(7.0),
         State.ENDED, (StopMedia(), Overtake(9, SESSION_ENDED), TELL_PLAY), end=CALLER_LEFT),
    Edge("ending: BYE",
         ENDING, HungUp(6.5), State.ENDED, (StopMedia(), TELL_HANGUP), end=CALLER_LEFT),
    Edge("ending, forcing: BYE",
         forcing(ENDING), HungUp(7.0),
         State.ENDED, (StopMedia(), Overtake(9, SESSION_ENDED), TELL_HANGUP), end=CALLER_LEFT),
    Edge("closing: a crossing BYE",
         CLOSING, HungUp(7.7), State.ENDED, (TELL_HANGUP,), end=HANGS_UP),
    Edge("rejecting: a crossing BYE",
         REJECTING, HungUp(2.5), State.ENDED, (TELL_HANGUP,), end=REJECTED),
    # Cancelled
    Edge("ringing: CANCEL",
         RINGING, Cancelled(1.0), State.ENDED, (TELL_FORWARD,), end=CANCELLED),
    Edge("ringing, forcing: CANCEL",
         forcing(RINGING), Cancelled(7.0),
         State.ENDED, (Overtake(9, SESSION_ENDED), TELL_FORWARD), end=CANCELLED),
    Edge("preparing, ringing: CANCEL",
         PREPARING, Cancelled(2.0),
         State.ENDED, (Overtake(1, SESSION_ENDED), TELL_FORWARD), end=CANCELLED),
    Edge("rejecting: a crossing CANCEL",
         REJECTING, Cancelled(2.5), State.ENDED, (TELL_HANGUP,), end=REJECTED),
    # HangupDone
    Edge("closing: our BYE is through",
         CLOSING, HangupDone(8.0), State.ENDED, (TELL_HANGUP,), end=HANGS_UP),
    Edge("closing, nobody to tell: our BYE is through",
         (*LAST_PLAY, Played(4.0, 1), Due(4.5)), HangupDone(5.0), State.ENDED, (), end=HANGS_UP),
    Edge("rejecting: our rejection is through",
         REJECTING, HangupDone(3.0), State.ENDED, (TELL_HANGUP,), end=REJECTED),
    # MediaLost
    Edge("waiting: media lost",
         WAITING, MediaLost(5.0), State.CLOSING, BYE, end=MEDIA_LOST),
    Edge("preparing, answered: media lost",
         PREPARING_LATER, MediaLost(6.0),
         State.CLOSING, (*BYE, Overtake(2, SESSION_ENDED)), end=MEDIA_LOST),
    Edge("running: media lost",
         RUNNING, MediaLost(4.0), State.CLOSING, BYE, end=MEDIA_LOST),
    Edge("running, forcing: media lost",
         forcing(RUNNING), MediaLost(7.0),
         State.CLOSING, (*BYE, Overtake(9, SESSION_ENDED)), end=MEDIA_LOST),
    Edge("ending: media lost",
         ENDING, MediaLost(6.5), State.CLOSING, BYE, end=MEDIA_LOST),
    # Shutdown
    Edge("ringing: the process ends",
         RINGING, Shutdown(1.0), State.CLOSING, (Reject(503),), end=SHUTDOWN),
    Edge("ringing, forcing: the process ends",
         forcing(RINGING), Shutdown(7.0),
         State.CLOSING, (Reject(503), Overtake(9, SESSION_ENDED)), end=SHUTDOWN),
    Edge("waiting: the process ends",
         WAITING, Shutdown(5.0), State.CLOSING, BYE, end=SHUTDOWN),
    Edge("preparing, ringing: the process ends",
         PREPARING, Shutdown(2.0),
         State.CLOSING, (Reject(503), Overtake(1, SESSION_ENDED)), end=SHUTDOWN),
    Edge("preparing, answered: the process ends",
         PREPARING_LATER, Shutdown(6.0),
         State.CLOSING, (*BYE, Overtake(2, SESSION_ENDED)), end=SHUTDOWN),
    Edge("running: the process ends",
         RUNNING, Shutdown(4.0), State.CLOSING, BYE, end=SHUTDOWN),
    Edge("ending: the process ends",
         ENDING, Shutdown(6.5), State.CLOSING, BYE, end=SHUTDOWN),
    Edge("settling: the process ends",
         SETTLING, Shutdown(7.2), State.CLOSING, BYE, end=SHUTDOWN),
    # Due
    Edge("ringing: the application did not act",
         RINGING, Due(60.0), State.CLOSING, (Reject(480),), end=RING_TIMEOUT),
    Edge("ringing, forcing: the application was too late",
         forcing(RINGING, 59.0), Due(60.0),
         State.CLOSING, (Reject(480), Overtake(9, SESSION_ENDED)), end=RING_TIMEOUT),
    Edge("waiting: the application did not act",
         WAITING, Due(904.0), State.CLOSING, BYE, end=IDLE_TIMEOUT),
    Edge("waiting, forcing: the application was too late",
         forcing(WAITING, 903.0), Due(904.0),
         State.CLOSING, (*BYE, Overtake(9, SESSION_ENDED)), end=IDLE_TIMEOUT),
    Edge("settling: BYE",
         SETTLING, Due(7.5), State.CLOSING, BYE, end=HANGS_UP),
    Edge("settling after a play: BYE",
         (*LAST_PLAY, Played(4.0, 1)), Due(4.5), State.CLOSING, BYE, end=HANGS_UP),
    Edge("settling, forcing: the first hangup won",
         forcing(SETTLING, 7.2), Due(7.5),
         State.CLOSING, (*BYE, Overtake(9, ALREADY)), end=HANGS_UP),
]
# fmt: on
