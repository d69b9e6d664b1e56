"""What acts on calls that we place: from the first ring at the callee's to the way out."""

from call.edges import ALREADY, BYE, EXPIRED, FORCES, NO_CREDIT, SESSION_ENDED, SHUTDOWN, Edge
from call.lives import (
    CALLED,
    CANCELLING,
    CONNECTED,
    DIAL,
    DIALLING,
    FORCED,
    contact,
    dialling,
    forcing,
)
from onhook.call import (
    Accept,
    Connected,
    Due,
    EndedBy,
    HangUp,
    HangupDone,
    HungUp,
    Notify,
    OutOfCredit,
    Overtake,
    Play,
    Played,
    PreparationFailed,
    Prepared,
    Requested,
    Reserve,
    SessionExpired,
    Shutdown,
    State,
    StopMedia,
    Unreached,
)

CANCEL = (HangUp(),)
BUSY = (EndedBy.CALLEE, "busy")
UNANSWERED = (EndedBy.SYSTEM, "unanswered")
FAILED = (EndedBy.SYSTEM, "failed")
CALLEE_LEFT = (EndedBy.CALLEE, "hangup")
TELL_FORCED = Notify(contact(FORCED, dial_status="unanswered"), "ended")


def told(dial_status: str, call_state: str = "ended") -> Notify:
    """The Dial's notification."""
    return Notify(contact(DIAL, dial_status=dial_status), call_state)


# fmt: off
EDGES_OUT: list[Edge] = [
    # Requested, Prepared, PreparationFailed
    Edge("dialling: a forced hangup is reserved beside it",
         DIALLING, Requested(3.0, FORCED), State.DIALLING, (Reserve(9),), due_at=30.0),
    Edge("dialling: a forced hangup cancels",
         forcing(DIALLING, 3.0), Prepared(3.5, 9), State.CLOSING, (*CANCEL, Accept(9)), end=FORCES),
    Edge("dialling: a forced hangup is given up",
         forcing(DIALLING, 3.0), PreparationFailed(3.5, 9), State.DIALLING, (), due_at=30.0),
    # Connected
    Edge("dialling: answered, the message begins",
         DIALLING, Connected(4.0), State.RUNNING, (Play(1),)),
    Edge("dialling: answered, without a message the application has the word",
         dialling(tag="reminder", speaks=False), Connected(4.0),
         State.WAITING, (told("answered", "ongoing"),), due_at=904.0),
    Edge("dialling: answered, nothing to say and nobody to tell",
         dialling(url=None, speaks=False), Connected(4.0), State.ENDING, (), due_at=4.5),
    Edge("dialling, forcing: answered, the forced hangup stays reserved",
         forcing(DIALLING, 3.0), Connected(4.0), State.RUNNING, (Play(1),)),
    # Unreached
    Edge("dialling: busy",
         DIALLING, Unreached(5.0, "busy", 486), State.ENDED, (told("busy"),), end=BUSY),
    Edge("dialling: not answered",
         DIALLING, Unreached(5.0, "unanswered", 480),
         State.ENDED, (told("unanswered"),), end=UNANSWERED),
    Edge("dialling: failed",
         DIALLING, Unreached(5.0, "failed", 503), State.ENDED, (told("failed"),), end=FAILED),
    Edge("dialling, nobody to tell: failed",
         dialling(url=None), Unreached(5.0, "failed", 503), State.ENDED, (), end=FAILED),
    Edge("dialling, forcing: busy",
         forcing(DIALLING, 3.0), Unreached(5.0, "busy", 486),
         State.ENDED, (Overtake(9, SESSION_ENDED), told("busy")), end=BUSY),
    Edge("cancelling: our CANCEL is through",
         CANCELLING, Unreached(5.0, "unanswered", 487), State.ENDED, (TELL_FORCED,), end=FORCES),
    Edge("cancelling: the callee's refusal crossed it",
         CANCELLING, Unreached(5.0, "busy", 486), State.ENDED, (TELL_FORCED,), end=FORCES),
    Edge("cancelling: an answer crossed it, and its BYE is through",
         CANCELLING, HangupDone(5.0), State.ENDED, (TELL_FORCED,), end=FORCES),
    Edge("cancelling: an answer crossed it, and the callee's BYE",
         CANCELLING, HungUp(5.0), State.ENDED, (TELL_FORCED,), end=FORCES),
    # Due
    Edge("dialling: it rang for as long as it may",
         DIALLING, Due(30.0), State.CLOSING, CANCEL, end=UNANSWERED),
    Edge("dialling, forcing: it rang for as long as it may",
         forcing(DIALLING, 29.0), Due(30.0),
         State.CLOSING, (*CANCEL, Overtake(9, SESSION_ENDED)), end=UNANSWERED),
    Edge("rung out: our CANCEL is through",
         (*DIALLING, Due(30.0)), Unreached(30.5, "unanswered", 487),
         State.ENDED, (told("unanswered"),), end=UNANSWERED),
    # Played, HungUp
    Edge("connected: heard, and the application has the word",
         CONNECTED, Played(6.0, 1), State.WAITING, (told("answered", "ongoing"),), due_at=906.0),
    Edge("connected, nobody to tell: heard, and the call is over",
         (*dialling(url=None), Connected(4.0)), Played(6.0, 1), State.ENDING, (), due_at=6.5),
    Edge("dialling: a BYE in place of a refusal",
         DIALLING, HungUp(5.0), State.ENDED, (told("failed"),), end=CALLEE_LEFT),
    Edge("connected: the callee's BYE",
         CONNECTED, HungUp(5.0), State.ENDED, (StopMedia(), told("answered")), end=CALLEE_LEFT),
    Edge("called: the callee's BYE",
         CALLED, HungUp(7.0), State.ENDED, (StopMedia(), told("answered")), end=CALLEE_LEFT),
    # Shutdown, SessionExpired, OutOfCredit
    Edge("dialling: the process ends",
         DIALLING, Shutdown(3.0), State.CLOSING, CANCEL, end=SHUTDOWN),
    Edge("dialling, forcing: the process ends",
         forcing(DIALLING, 3.0), Shutdown(3.5),
         State.CLOSING, (*CANCEL, Overtake(9, SESSION_ENDED)), end=SHUTDOWN),
    Edge("dialling: the session's time is over",
         DIALLING, SessionExpired(20.0), State.CLOSING, CANCEL, end=EXPIRED),
    Edge("dialling: no credit",
         DIALLING, OutOfCredit(20.0), State.CLOSING, CANCEL, end=NO_CREDIT),
    Edge("connected: the longest duration is over",
         (*dialling(max_s=20.0), Connected(4.0)), SessionExpired(24.0),
         State.CLOSING, BYE, end=(EndedBy.SYSTEM, "max_duration")),
    Edge("settling, forcing: the end of the message won",
         forcing((*dialling(url=None), Connected(4.0), Played(6.0, 1)), 6.2), Due(6.5),
         State.CLOSING, (*BYE, Overtake(9, ALREADY)), end=(EndedBy.APPLICATION, "hangup")),
]
# fmt: on
