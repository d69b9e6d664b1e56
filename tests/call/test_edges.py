"""Every edge of the table: the complete matrix, what each edge does, and that the rest does nothing."""

import itertools
from dataclasses import dataclass
from typing import get_args

import pytest

from call.at_work import (
    ANNOUNCING,
    AUDIBLE,
    BEEPING,
    ENTERING,
    HELD,
    HOLD,
    JOINED,
    LISTENING,
    MEETING,
    MONITORED,
    MONITORING,
    OUT_REACHING,
    PREPARING_UNHOLD,
    PROMPTING,
    REACHING,
    RECORDING,
    UNHOLD,
    hold,
    monitor,
    unhold,
)
from call.edges import ALREADY, EDGES, SESSION_ENDED, SPOKEN, Edge
from call.edges_out import EDGES_OUT
from call.edges_work import EDGES_WORK
from call.lives import (
    CALLED,
    CANCELLING,
    CLOSING,
    CONNECTED,
    DIAL,
    DIALLING,
    ENDED,
    ENDING,
    ENDING_UNHEARD,
    FORWARD,
    LAST_PLAY,
    LIMITS,
    NEXT,
    PREPARING,
    PREPARING_LATER,
    REJECTING,
    RINGING,
    RUNNING,
    SETTLING,
    UNHEARD,
    WAITING,
    Life,
    Path,
    dialling,
    forced,
    forcing,
    hangup,
    play,
)
from onhook.call import (
    TABLE,
    Acknowledged,
    Cancelled,
    Connected,
    Digit,
    Due,
    Event,
    HangupDone,
    HungUp,
    Kicked,
    MediaLost,
    MessageBroken,
    Notify,
    OutOfCredit,
    PeerAnswered,
    PeerFailed,
    PeerLeft,
    PeerRang,
    Played,
    PreparationFailed,
    Prepared,
    Refuse,
    Requested,
    SessionExpired,
    Shutdown,
    State,
    Unacknowledged,
    Unreached,
    Untold,
    arrive,
    dial,
)
from onhook.call.table import ignore

NOT_READY = "error_session_not_ready"
NOT_ON_HOLD = "error_session_not_on_hold"
NO_MESSAGE = "error_cannot_play_msg_with_force"

EVERY_EDGE = [*EDGES, *EDGES_OUT, *EDGES_WORK]

MUTE = hangup(3)
FORCED_WITH_MESSAGE = forced(3, speaks=True)


@dataclass(frozen=True)
class Refusal:
    """A request that may not run, and the status that says so."""

    what: str
    path: Path
    event: Requested
    status: str

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class Nothing:
    """Something that finds nothing to do in this particular call, though its row is not ``ignore``."""

    what: str
    path: Path
    event: Event

    def __str__(self) -> str:
        return self.what


# fmt: off
REFUSALS: list[Refusal] = [
    Refusal("ringing: no message with force",
            RINGING, Requested(1.0, FORCED_WITH_MESSAGE), NO_MESSAGE),
    Refusal("ringing, forcing: no second forced hangup",
            forcing(RINGING), Requested(7.0, forced(3)), ALREADY),
    Refusal("ringing, forcing: already comes before the message",
            forcing(RINGING), Requested(7.0, FORCED_WITH_MESSAGE), ALREADY),
    Refusal("ringing, forcing: no hangup",
            forcing(RINGING), Requested(7.0, MUTE), ALREADY),
    Refusal("ringing, forcing: no play",
            forcing(RINGING), Requested(7.0, NEXT), NOT_READY),
    Refusal("waiting: no message with force",
            WAITING, Requested(5.0, FORCED_WITH_MESSAGE), NO_MESSAGE),
    Refusal("waiting, forcing: no hangup",
            forcing(WAITING), Requested(7.0, MUTE), ALREADY),
    Refusal("waiting, forcing: no play",
            forcing(WAITING), Requested(7.0, NEXT), NOT_READY),
    Refusal("preparing a play: no other play",
            PREPARING, Requested(2.0, NEXT), NOT_READY),
    Refusal("preparing a play: a hangup waits its turn",
            PREPARING, Requested(2.0, MUTE), NOT_READY),
    Refusal("preparing a play: no message with force",
            PREPARING, Requested(2.0, FORCED_WITH_MESSAGE), NO_MESSAGE),
    Refusal("preparing a play, forcing: no second forced hangup",
            forcing(PREPARING), Requested(7.0, forced(3)), ALREADY),
    Refusal("preparing a hangup: no other one",
            PREPARING_LATER, Requested(6.0, MUTE), ALREADY),
    Refusal("preparing a hangup: no forced one either",
            PREPARING_LATER, Requested(6.0, forced(3)), ALREADY),
    Refusal("preparing a hangup: no play",
            PREPARING_LATER, Requested(6.0, NEXT), NOT_READY),
    Refusal("running: no other play",
            RUNNING, Requested(4.0, NEXT), NOT_READY),
    Refusal("running: a hangup waits its turn",
            RUNNING, Requested(4.0, SPOKEN), NOT_READY),
    Refusal("running: no message with force",
            RUNNING, Requested(4.0, FORCED_WITH_MESSAGE), NO_MESSAGE),
    Refusal("running, forcing: no second forced hangup",
            forcing(RUNNING), Requested(7.0, forced(3)), ALREADY),
    Refusal("running, forcing: no hangup",
            forcing(RUNNING), Requested(7.0, MUTE), ALREADY),
    Refusal("running, forcing: no play",
            forcing(RUNNING), Requested(7.0, NEXT), NOT_READY),
    Refusal("ending: no other hangup",
            ENDING, Requested(6.5, MUTE), ALREADY),
    Refusal("ending: no play",
            ENDING, Requested(6.5, NEXT), NOT_READY),
    Refusal("ending: no message with force",
            ENDING, Requested(6.5, FORCED_WITH_MESSAGE), NO_MESSAGE),
    Refusal("ending, forcing: force succeeds once",
            forcing(ENDING), Requested(7.0, forced(3)), ALREADY),
    Refusal("ending, forcing: already comes before the message",
            forcing(ENDING), Requested(7.0, FORCED_WITH_MESSAGE), ALREADY),
    Refusal("ringing: no unhold",
            RINGING, Requested(1.0, UNHOLD), NOT_ON_HOLD),
    Refusal("waiting: no unhold",
            WAITING, Requested(5.0, UNHOLD), NOT_ON_HOLD),
    Refusal("waiting, monitored: no second monitor",
            MONITORED, Requested(9.0, monitor(request_id=4)), "error_monitor_in_progress"),
    Refusal("running: no unhold",
            RUNNING, Requested(4.0, UNHOLD), NOT_ON_HOLD),
    Refusal("running, transferred: no play",
            JOINED, Requested(20.0, play(4)), NOT_READY),
    Refusal("dialling: no unhold",
            DIALLING, Requested(3.0, UNHOLD), NOT_ON_HOLD),
    Refusal("preparing a play: no unhold",
            PREPARING, Requested(2.0, UNHOLD), NOT_ON_HOLD),
    Refusal("ending: no unhold",
            ENDING, Requested(6.5, UNHOLD), NOT_ON_HOLD),
    Refusal("closing: no unhold",
            CLOSING, Requested(7.7, UNHOLD), NOT_ON_HOLD),
    Refusal("dialling: no play",
            DIALLING, Requested(3.0, NEXT), NOT_READY),
    Refusal("dialling: a hangup waits its turn",
            DIALLING, Requested(3.0, MUTE), NOT_READY),
    Refusal("dialling: no message with force",
            DIALLING, Requested(3.0, FORCED_WITH_MESSAGE), NO_MESSAGE),
    Refusal("dialling, forcing: no second forced hangup",
            forcing(DIALLING, 3.0), Requested(3.5, forced(3)), ALREADY),
    Refusal("cancelling: no forced hangup",
            CANCELLING, Requested(4.0, forced(3)), ALREADY),
    Refusal("held: no play",
            HELD, Requested(7.0, play(4)), NOT_READY),
    Refusal("held: no hangup",
            HELD, Requested(7.0, hangup(4)), NOT_READY),
    Refusal("held: no second hold",
            HELD, Requested(7.0, hold(4)), NOT_READY),
    Refusal("held: no monitor",
            HELD, Requested(7.0, monitor(request_id=4)), NOT_READY),
    Refusal("held: no message with force",
            HELD, Requested(7.0, FORCED_WITH_MESSAGE), NO_MESSAGE),
    Refusal("held, forcing: no unhold",
            forcing(HELD, 7.0), Requested(8.0, UNHOLD), NOT_ON_HOLD),
    Refusal("held, forcing: no second forced hangup",
            forcing(HELD, 7.0), Requested(8.0, forced(4)), ALREADY),
    Refusal("held, preparing an unhold: no other one",
            PREPARING_UNHOLD, Requested(8.0, unhold(5)), NOT_ON_HOLD),
    Refusal("closing: no hangup",
            CLOSING, Requested(7.7, MUTE), ALREADY),
    Refusal("closing: no forced hangup",
            CLOSING, Requested(7.7, forced(3)), ALREADY),
    Refusal("closing: no play",
            CLOSING, Requested(7.7, NEXT), NOT_READY),
    Refusal("rejecting: no hangup",
            REJECTING, Requested(2.5, MUTE), ALREADY),
    Refusal("ended: no hangup",
            ENDED, Requested(9.0, MUTE), SESSION_ENDED),
    Refusal("ended: no forced hangup",
            ENDED, Requested(9.0, forced(3)), SESSION_ENDED),
    Refusal("ended: no play",
            ENDED, Requested(9.0, NEXT), SESSION_ENDED),
]

NOTHINGS: list[Nothing] = [
    # Prepared
    Nothing("preparing: an unknown request's preparation means nothing",
            PREPARING, Prepared(2.0, 77)),
    Nothing("ringing: nothing was reserved",
            RINGING, Prepared(7.0, 9)),
    Nothing("waiting: nothing was reserved",
            WAITING, Prepared(7.0, 9)),
    Nothing("running: the block was prepared before",
            RUNNING, Prepared(7.0, 1)),
    Nothing("running, forcing: another one's preparation means nothing",
            forcing(RUNNING), Prepared(7.0, 77)),
    Nothing("ending: the hangup was prepared before",
            ENDING, Prepared(7.0, 2)),
    # PreparationFailed
    Nothing("preparing: an unknown request's failure means nothing",
            PREPARING, PreparationFailed(2.0, 77)),
    Nothing("dialling: nothing was reserved",
            DIALLING, Prepared(3.0, 9)),
    Nothing("held: nothing was reserved",
            HELD, Prepared(7.0, 9)),
    Nothing("held: the hold was prepared before",
            HELD, PreparationFailed(7.0, 3)),
    # Acknowledged
    Nothing("running: a repeated ACK means nothing",
            RUNNING, Acknowledged(3.5)),
    Nothing("ending: a repeated ACK means nothing",
            ENDING, Acknowledged(6.5)),
    Nothing("waiting: a repeated ACK means nothing",
            WAITING, Acknowledged(4.5)),
    Nothing("preparing, answered: a repeated ACK means nothing",
            PREPARING_LATER, Acknowledged(5.5)),
    Nothing("preparing, ringing: an ACK of nothing means nothing",
            PREPARING, Acknowledged(1.5)),
    Nothing("held: a repeated ACK means nothing",
            HELD, Acknowledged(7.0)),
    Nothing("connected: there is no ACK to wait for",
            CONNECTED, Acknowledged(5.0)),
    # Unacknowledged
    Nothing("preparing, ringing: there is nothing to acknowledge",
            PREPARING, Unacknowledged(34.0)),
    # Played
    Nothing("running: an earlier block's end means nothing",
            (*WAITING, Requested(5.0, NEXT), Prepared(6.0, 3)), Played(6.0, 1)),
    Nothing("ending: an earlier block's end means nothing",
            ENDING, Played(7.0, 1)),
    Nothing("settling: told twice is heard once",
            SETTLING, Played(7.25, 2)),
    Nothing("gather: the message that a key stopped",
            (*PROMPTING, Digit(7.0, "1")), Played(7.5, 3)),
    Nothing("record: the message that a key stopped",
            (*BEEPING, Digit(7.0, "#")), Played(7.5, 3)),
    Nothing("transfer: nothing is said any more",
            REACHING, Played(9.0, 3)),
    Nothing("room: nothing is said any more",
            MEETING, Played(9.0, 3)),
    # Digit
    Nothing("waiting: # alone is no digit of the next gather",
            WAITING, Digit(4.5, "#")),
    Nothing("preparing, ringing: nobody can have typed",
            PREPARING, Digit(1.5, "1")),
    Nothing("preparing an unhold: what is typed on hold is for nobody",
            PREPARING_UNHOLD, Digit(7.5, "1")),
    # PeerRang, PeerAnswered, PeerFailed, PeerLeft, Kicked
    Nothing("running: no peer was called",
            RUNNING, PeerRang(3.5)),
    Nothing("transfer: the peer answered before",
            JOINED, PeerAnswered(13.0)),
    Nothing("running: no peer was called, so none failed",
            RUNNING, PeerFailed(3.5, "busy")),
    Nothing("transfer: a peer that answered does not fail",
            JOINED, PeerFailed(13.0, "failed")),
    Nothing("transfer: a peer that did not answer does not leave",
            REACHING, PeerLeft(9.0)),
    Nothing("running: the call is in no room",
            RUNNING, Kicked(3.5)),
    # MessageBroken
    Nothing("running: an earlier block's message means nothing",
            (*WAITING, Requested(5.0, NEXT), Prepared(6.0, 3)), MessageBroken(6.0, 1)),
    Nothing("ending: an earlier block's message means nothing",
            ENDING, MessageBroken(7.0, 1)),
    Nothing("settling: what was heard to its end was not broken off",
            SETTLING, MessageBroken(7.25, 2)),
    # Cancelled
    Nothing("preparing, answered: CANCEL comes too late",
            PREPARING_LATER, Cancelled(5.5)),
    Nothing("closing, answered: CANCEL comes too late",
            CLOSING, Cancelled(7.7)),
    # MediaLost
    Nothing("preparing, ringing: there is no media to lose",
            PREPARING, MediaLost(2.0)),
    # Due
    Nothing("ringing: too early",
            RINGING, Due(59.9)),
    Nothing("waiting: the timer of the ringing",
            WAITING, Due(60.0)),
    Nothing("ending: no timer while the last words play",
            ENDING, Due(904.0)),
    Nothing("settling: too early",
            SETTLING, Due(7.4)),
    Nothing("dialling: too early",
            DIALLING, Due(29.9)),
    Nothing("gather: the timer of the waiting",
            PROMPTING, Due(904.0)),
    Nothing("gather: too early",
            LISTENING, Due(17.9)),
    Nothing("record: too early",
            RECORDING, Due(67.9)),
    Nothing("transfer: too early",
            REACHING, Due(27.9)),
    Nothing("transfer: the time to answer is over only if nobody did",
            JOINED, Due(28.0)),
]
# fmt: on


PATHS: dict[State, tuple[Path, ...]] = {
    State.DIALLING: (DIALLING, forcing(DIALLING, 3.0), dialling(url=None, max_s=20.0)),
    State.HELD: (
        HELD,
        forcing(HELD, 7.0),
        (*PREPARING_UNHOLD, PreparationFailed(8.0, 4)),
        (Requested(1.0, HOLD), Prepared(2.0, 3), Acknowledged(3.0)),
    ),
    State.RINGING: (RINGING, forcing(RINGING), (*PREPARING, PreparationFailed(2.0, 1))),
    State.WAITING: (
        WAITING,
        forcing(WAITING),
        (*PREPARING_LATER, PreparationFailed(6.0, 2)),
        MONITORED,
        CALLED,
    ),
    State.PREPARING: (PREPARING, PREPARING_LATER, forcing(PREPARING), PREPARING_UNHOLD),
    State.RUNNING: (
        UNHEARD,
        RUNNING,
        LAST_PLAY,
        forcing(RUNNING),
        CONNECTED,
        PROMPTING,
        LISTENING,
        BEEPING,
        RECORDING,
        MONITORING,
        ANNOUNCING,
        REACHING,
        OUT_REACHING,
        AUDIBLE,
        JOINED,
        ENTERING,
        MEETING,
    ),
    State.ENDING: (
        ENDING,
        ENDING_UNHEARD,
        SETTLING,
        forcing(ENDING),
        (*LAST_PLAY, Played(4.0, 1)),
    ),
    State.CLOSING: (
        CLOSING,
        REJECTING,
        CANCELLING,
        (*RINGING, Due(60.0)),
        (*RUNNING, MediaLost(4.0)),
    ),
    State.ENDED: (
        ENDED,
        (HungUp(1.0),),
        (Cancelled(1.0),),
        (*RUNNING, HungUp(4.0)),
        (*REJECTING, HangupDone(3.0)),
        (*DIALLING, Unreached(5.0, "busy", 486)),
        (*CANCELLING, Unreached(5.0, "unanswered", 487)),
        (*JOINED, PeerLeft(20.0), HangupDone(21.0)),
    ),
}
"""Several lives that lead to each state."""

EVENTS: dict[type, tuple[Event, ...]] = {
    Requested: (Requested(1000.0, NEXT),),
    Prepared: (Prepared(1000.0, 1), Prepared(1000.0, 2), Prepared(1000.0, 9)),
    PreparationFailed: tuple(PreparationFailed(1000.0, number) for number in (1, 2, 9)),
    Acknowledged: (Acknowledged(1000.0),),
    Unacknowledged: (Unacknowledged(1000.0),),
    Played: (Played(1000.0, 1), Played(1000.0, 2), Played(1000.0, 9)),
    MessageBroken: (MessageBroken(1000.0, 1), MessageBroken(1000.0, 2), MessageBroken(1000.0, 9)),
    Connected: (Connected(1000.0),),
    Unreached: (Unreached(1000.0, "busy", 486), Unreached(1000.0, "unanswered", 487)),
    Digit: (Digit(1000.0, "1"), Digit(1000.0, "#")),
    PeerRang: (PeerRang(1000.0), PeerRang(1000.0, audible=True)),
    PeerAnswered: (PeerAnswered(1000.0),),
    PeerFailed: (PeerFailed(1000.0, "busy", 486),),
    PeerLeft: (PeerLeft(1000.0),),
    Kicked: (Kicked(1000.0),),
    HungUp: (HungUp(1000.0, "Q.850;cause=16"),),
    Cancelled: (Cancelled(1000.0, "SIP;cause=200"),),
    HangupDone: (HangupDone(1000.0),),
    MediaLost: (MediaLost(1000.0),),
    Shutdown: (Shutdown(1000.0),),
    SessionExpired: (SessionExpired(1000.0),),
    OutOfCredit: (OutOfCredit(1000.0),),
    Untold: (Untold(1000.0),),
    Due: (Due(0.0), Due(1000.0)),
}

IGNORED = [
    pytest.param(path, event, id=f"{state.value}-{number}-{event}")
    for (state, kind), transition in TABLE.items()
    if transition is ignore
    for number, path in enumerate(PATHS[state])
    for event in EVENTS[kind]
]


def test_the_table_has_a_row_for_every_state_and_event() -> None:
    assert set(TABLE) == set(itertools.product(State, get_args(Event)))


def test_every_edge_that_does_something_is_walked_here() -> None:
    lines: list[Edge | Refusal | Nothing] = [*EVERY_EDGE, *REFUSALS, *NOTHINGS]
    walked = {(Life(line.path).call.state, type(line.event)) for line in lines}

    assert walked == {pair for pair, transition in TABLE.items() if transition is not ignore}


@pytest.mark.parametrize("state", State)
def test_the_paths_lead_where_they_say(state: State) -> None:
    assert {Life(path).call.state for path in PATHS[state]} == {state}


def test_a_call_begins_by_ringing_and_telling_the_application() -> None:
    call, effects = arrive("S1", FORWARD.url, LIMITS, 5.0)

    assert call.state is State.RINGING
    assert call.due_at == 65.0
    assert call.expires_at == 5.0 + LIMITS.session_s
    assert not call.answered
    assert effects == (Notify(FORWARD, "ringing"),)


def test_a_call_out_begins_by_ringing_at_the_callees_and_nobody_is_told() -> None:
    call, effects = dial("S1", DIAL, LIMITS, 5.0, ring_s=20.0, max_s=None)

    assert call.state is State.DIALLING
    assert call.outgoing
    assert call.due_at == 25.0
    assert call.expires_at == 5.0 + LIMITS.session_s
    assert not call.answered
    assert effects == ()


@pytest.mark.parametrize("edge", EVERY_EDGE, ids=str)
def test_edge(edge: Edge) -> None:
    life = Life(edge.path)

    effects = life.then(edge.event)

    assert effects == edge.effects
    assert life.call.state is edge.state
    assert life.call.due_at == edge.due_at
    end = life.call.end
    assert (end and (end.by, end.cause)) == edge.end


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_refused_request_leaves_the_call_as_it_was(refusal: Refusal) -> None:
    life = Life(refusal.path)
    before = life.call

    effects = life.then(refusal.event)

    assert effects == (Refuse(refusal.event.job.request_id, refusal.status),)
    assert life.call is before


@pytest.mark.parametrize("nothing", NOTHINGS, ids=str)
def test_what_finds_nothing_to_do_changes_nothing(nothing: Nothing) -> None:
    life = Life(nothing.path)
    before = life.call

    effects = life.then(nothing.event)

    assert effects == ()
    assert life.call is before


@pytest.mark.parametrize(("path", "event"), IGNORED)
def test_what_is_ignored_changes_nothing(path: Path, event: Event) -> None:
    life = Life(path)
    before = life.call

    effects = life.then(event)

    assert life.call is before
    assert effects == ()
