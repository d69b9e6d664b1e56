"""The rules of the reference for requests, one test a rule. Section numbers are those of the reference."""

import pytest

from call.lives import (
    CLOSING,
    ENDING,
    ENDING_UNHEARD,
    FORCED,
    FORWARD,
    HANGUP,
    LAST_PLAY,
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
    Life,
    Path,
    contact,
    forced,
    forcing,
    hangup,
    play,
)
from onhook.call import (
    Accept,
    Cancelled,
    Due,
    Effect,
    EndedBy,
    HangUp,
    HangupDone,
    HungUp,
    Notify,
    Overtake,
    Played,
    PreparationFailed,
    Prepared,
    Refuse,
    Reject,
    Requested,
    Reserve,
    State,
    StopMedia,
)

ALREADY = "error_hangup_already_in_progress"
SESSION_ENDED = "error_session_ended"


def accepted(life: Life) -> list[int]:
    return [effect.request_id for effect in life.effects if isinstance(effect, Accept)]


def refused(life: Life, request_id: int) -> list[str]:
    """Every status with which this request was refused or overtaken."""
    return [
        effect.status
        for effect in life.effects
        if isinstance(effect, Refuse | Overtake) and effect.request_id == request_id
    ]


# Hangups side by side (sections 3 and 9) ------------------------------------------------------

WHENEVER = {
    "ringing": RINGING,
    "preparing the first block": PREPARING,
    "answered, no ACK yet": UNHEARD,
    "playing": RUNNING,
    "playing the last": LAST_PLAY,
    "waiting": WAITING,
    "preparing another block": (*WAITING, Requested(5.0, NEXT)),
    "last words": ENDING,
    "last words, no ACK yet": ENDING_UNHEARD,
    "settling": SETTLING,
}


@pytest.mark.parametrize("path", [RINGING, WAITING], ids=["ringing", "answered"])
@pytest.mark.parametrize("force", [False, True], ids=["unforced", "forced"])
def test_of_parallel_hangups_exactly_one_is_accepted(path: Path, force: bool) -> None:
    make = forced if force else hangup
    life = Life(path)

    for request_id in (11, 12, 13):
        life.then(Requested(10.0, make(request_id)))
    life.then(Prepared(11.0, 11))
    life.then(Requested(12.0, make(14)))
    life.then(HangupDone(13.0))

    assert [number for number in accepted(life) if number > 10] == [11]
    assert refused(life, 12) == refused(life, 13) == refused(life, 14) == [ALREADY]
    assert life.terminal == [contact(make(11))]


def test_a_hangup_whose_preparation_fails_leaves_room_for_the_next() -> None:
    life = Life(WAITING)
    before = life.call

    life.then(Requested(5.0, HANGUP))
    life.then(PreparationFailed(6.0, 2))

    assert life.call == before
    assert life.then(Requested(7.0, hangup(3))) == (Reserve(3),)


@pytest.mark.parametrize("path", WHENEVER.values(), ids=WHENEVER.keys())
def test_a_forced_hangup_succeeds_at_any_moment(path: Path) -> None:
    life = Life(path)
    answered = life.call.answered

    assert life.then(Requested(7.25, FORCED)) == (Reserve(9),)
    effects = life.then(Prepared(7.3, 9))

    leave: tuple[Effect, ...] = (StopMedia(), HangUp()) if answered else (Reject(603),)
    assert effects[: len(leave) + 1] == (*leave, Accept(9))
    assert life.call.end is not None
    assert (life.call.end.at, life.call.end.by) == (7.3, EndedBy.APPLICATION)
    life.then(HangupDone(8.0))
    assert life.call.state is State.ENDED
    assert life.terminal == [contact(FORCED)]


def test_a_forced_hangup_that_is_refused_for_its_message_may_come_again_without() -> None:
    life = Life(RUNNING)

    refusal = life.then(Requested(4.0, forced(8, speaks=True)))

    assert refusal == (Refuse(8, "error_cannot_play_msg_with_force"),)
    assert life.then(Requested(5.0, FORCED)) == (Reserve(9),)


def test_a_forced_hangup_after_an_unforced_one_cuts_it_and_succeeds_once() -> None:
    life = Life(ENDING)

    life.then(Requested(6.5, FORCED))
    life.then(Requested(6.6, forced(10)))
    cut = life.then(Prepared(6.7, 9))
    life.then(Requested(6.8, forced(11)))
    life.then(Played(6.9, 2))
    life.then(HangupDone(7.0))

    assert cut == (StopMedia(), HangUp(), Accept(9))
    assert refused(life, 10) == refused(life, 11) == [ALREADY]
    assert accepted(life) == [1, 2, 9]
    assert life.effects.count(HangUp()) == 1
    assert life.terminal == [contact(FORCED)]


def test_a_forced_hangup_that_fails_to_be_prepared_may_be_tried_again() -> None:
    life = Life(forcing(ENDING))
    life.then(PreparationFailed(7.0, 9))

    assert life.call == Life(ENDING).call
    assert life.then(Requested(7.1, forced(10))) == (Reserve(10),)


def test_an_unforced_hangup_that_is_still_being_prepared_cannot_be_forced() -> None:
    life = Life(PREPARING_LATER)

    assert life.then(Requested(6.0, FORCED)) == (Refuse(9, ALREADY),)


def test_a_hangup_waits_its_turn() -> None:
    life = Life(RUNNING)
    early = life.then(Requested(3.5, hangup(5)))
    life.then(Played(4.0, 1))
    in_turn = life.then(Requested(4.0, hangup(6)))

    assert early == (Refuse(5, "error_session_not_ready"),)
    assert in_turn == (Reserve(6),)


# Against the far end --------------------------------------------------------------------------


def test_a_hangup_prepared_after_the_callers_bye_comes_too_late() -> None:
    life = Life(PREPARING_LATER)

    life.then(HungUp(6.0, "Q.850;cause=16"))

    assert refused(life, 2) == [SESSION_ENDED]
    assert life.then(Prepared(6.1, 2)) == ()
    assert life.call.end is not None
    assert life.call.end.by is EndedBy.CALLER
    assert life.call.end.sip_cause == "Q.850;cause=16"
    assert life.terminal == [contact(PLAY)]


def test_a_hangup_accepted_before_the_callers_bye_stays_the_reason() -> None:
    life = Life(CLOSING)

    life.then(HungUp(7.6))
    life.then(HangupDone(7.7))

    assert life.call.end is not None
    assert (life.call.end.at, life.call.end.by) == (7.5, EndedBy.APPLICATION)
    assert life.terminal == [contact(HANGUP)]


def test_the_callers_bye_during_the_last_words_tells_the_hangup() -> None:
    life = Life(ENDING)

    life.then(HungUp(6.5))

    assert life.call.end is not None
    assert life.call.end.by is EndedBy.CALLER
    assert life.terminal == [contact(HANGUP)]


def test_a_hangup_prepared_after_the_callers_cancel_comes_too_late() -> None:
    life = Life((Requested(1.0, HANGUP),))

    life.then(Cancelled(1.5, "SIP;cause=200"))

    assert refused(life, 2) == [SESSION_ENDED]
    assert life.then(Prepared(2.0, 2)) == ()
    assert life.call.end is not None
    assert life.call.end.cause == "cancelled"
    assert life.call.end.sip_cause == "SIP;cause=200"
    assert life.terminal == [FORWARD]


def test_a_rejection_that_crosses_the_callers_cancel_is_told_once() -> None:
    life = Life(REJECTING)

    life.then(Cancelled(2.1))
    life.then(HangupDone(2.2))

    assert life.terminal == [contact(HANGUP)]


def test_a_cancel_after_our_answer_means_nothing() -> None:
    life = Life(UNHEARD)

    assert life.then(Cancelled(2.1)) == ()
    life.then(Requested(3.0, FORCED))
    life.then(Prepared(3.1, 9))
    assert life.then(Cancelled(3.2)) == ()
    assert life.call.state is State.CLOSING


@pytest.mark.parametrize("path", [RINGING, PREPARING], ids=["ringing", "preparing"])
def test_media_is_stopped_only_where_it_was_opened(path: Path) -> None:
    life = Life(path)

    life.then(HungUp(2.0))

    assert StopMedia() not in life.effects


# A request that did not run (sections 2 and 9) ------------------------------------------------


@pytest.mark.parametrize("path", [RINGING, WAITING], ids=["ringing", "waiting"])
def test_a_request_that_could_not_be_prepared_leaves_the_call_as_it_was(path: Path) -> None:
    life = Life(path)
    before = life.call

    for request_id in (5, 6):
        life.then(Requested(10.0, play(request_id)))
        life.then(PreparationFailed(11.0, request_id))

    assert life.call == before


def test_failing_requests_do_not_keep_a_call_ringing() -> None:
    life = Life((Requested(59.0, PLAY), PreparationFailed(61.0, 1)))

    assert life.call.due_at == 60.0
    assert life.then(Due(61.0)) == (Reject(480),)


def test_failing_requests_do_not_keep_a_call_alive() -> None:
    life = Life((*WAITING, Requested(903.0, NEXT), PreparationFailed(905.0, 3)))

    assert life.call.due_at == 904.0
    assert life.then(Due(905.0)) == (StopMedia(), HangUp())


def test_a_request_overtaken_by_a_forced_hangup_gets_session_ended() -> None:
    life = Life(forcing((*WAITING, Requested(5.0, NEXT))))

    life.then(Prepared(7.0, 9))

    assert refused(life, 3) == [SESSION_ENDED]
    assert life.then(Prepared(7.1, 3)) == ()
    assert life.then(PreparationFailed(7.2, 3)) == ()


def test_a_forced_hangup_overtaken_by_the_settled_one_gets_hangup_in_progress() -> None:
    life = Life(forcing(SETTLING, 7.2))

    life.then(Due(7.5))
    life.then(Prepared(7.6, 9))
    life.then(HangupDone(8.0))

    assert refused(life, 9) == [ALREADY]
    assert life.terminal == [contact(HANGUP)]


def test_the_block_that_force_cuts_short_sends_no_notification_of_its_own() -> None:
    life = Life(forcing(RUNNING))

    life.then(Prepared(7.0, 9))
    life.then(Played(7.0, 1))
    life.then(HangupDone(7.1))

    told = [effect for effect in life.effects if isinstance(effect, Notify)]
    assert told == [Notify(FORWARD, "ringing"), Notify(contact(FORCED), "ended")]
