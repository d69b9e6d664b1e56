"""What is heard and for how long a call may stay as it is, one test a rule (reference, section 3)."""

from dataclasses import replace

import pytest

from call.at_work import gather
from call.lives import (
    CLOSING,
    ENDING,
    ENDING_UNHEARD,
    FORWARD,
    HANGUP,
    LAST_PLAY,
    LAST_WORDS,
    LIMITS,
    NEXT,
    PLAY,
    PREPARING,
    PREPARING_LATER,
    REJECTING,
    RUNNING,
    SETTLING,
    WAITING,
    Life,
    Path,
    contact,
)
from onhook.call import (
    Accept,
    Acknowledged,
    Answer,
    Due,
    End,
    EndedBy,
    Gone,
    HangUp,
    HangupDone,
    MediaLost,
    Notify,
    Play,
    Played,
    Prepared,
    Reject,
    Requested,
    Reserve,
    State,
    StopMedia,
)

# What is heard --------------------------------------------------------------------------------


def test_a_play_answers_a_ringing_call_and_is_heard_after_the_ack() -> None:
    life = Life(PREPARING)

    assert life.then(Prepared(2.0, 1)) == (Accept(1), Answer())
    assert life.call.answered_at == 2.0
    assert life.then(Acknowledged(3.0)) == (Play(1),)


def test_a_hangup_with_a_message_answers_a_ringing_call_plays_and_hangs_up() -> None:
    life = Life((*ENDING_UNHEARD, Acknowledged(3.0), Played(4.0, 2), Due(4.5), HangupDone(5.0)))

    assert life.effects == [
        Notify(FORWARD, "ringing"),
        Reserve(2),
        Accept(2),
        Answer(),
        Play(2),
        StopMedia(),
        HangUp(),
        Notify(contact(LAST_WORDS), "ended"),
    ]


def test_a_hangup_without_message_rejects_a_ringing_call_as_configured() -> None:
    life = Life(REJECTING, replace(LIMITS, reject_code=480))

    assert Reject(480) in life.effects
    assert not life.call.answered


def test_a_play_without_notify_url_hangs_up_after_its_message() -> None:
    life = Life(LAST_PLAY)

    assert life.then(Played(4.0, 1)) == ()
    assert life.then(Due(4.5)) == (StopMedia(), HangUp())
    assert life.then(HangupDone(5.0)) == ()
    assert life.call.state is State.ENDED


def test_the_bye_leaves_a_settle_time_after_the_last_frame() -> None:
    life = Life(SETTLING)

    assert life.call.due_at == 7.0 + LIMITS.settle_s
    assert life.then(Due(7.49)) == ()
    assert life.then(Due(7.5)) == (StopMedia(), HangUp())


def test_only_a_hangup_hangs_up_when_there_is_nothing_to_say() -> None:
    life = Life((Requested(1.0, gather(speaks=False)),))

    assert life.then(Prepared(2.0, 3)) == (Accept(3), Answer())
    life.then(Acknowledged(3.0))

    assert life.call.state is State.RUNNING


def test_the_next_request_is_taken_as_soon_as_the_block_was_heard() -> None:
    life = Life(RUNNING)

    life.then(Played(4.0, 1))

    assert life.then(Requested(4.0, NEXT)) == (Reserve(3),)


# Timers ---------------------------------------------------------------------------------------


def test_a_call_on_which_nobody_acts_is_rejected_with_480() -> None:
    life = Life()

    assert life.then(Due(60.0)) == (Reject(480),)
    assert life.call.end is not None
    assert life.call.end.by is EndedBy.SYSTEM


def test_a_session_in_which_no_block_runs_is_hung_up() -> None:
    life = Life(WAITING)

    assert life.call.due_at == 4.0 + LIMITS.idle_s
    assert life.then(Due(904.0)) == (StopMedia(), HangUp())


@pytest.mark.parametrize(
    "path",
    [PREPARING, PREPARING_LATER, RUNNING, ENDING, CLOSING],
    ids=["preparing", "preparing later", "running", "ending", "closing"],
)
def test_no_timer_runs_while_something_is_done(path: Path) -> None:
    life = Life(path)
    before = life.call

    assert life.call.due_at is None
    assert life.then(Due(10_000.0)) == ()
    assert life.call is before


def test_a_stale_timer_does_not_end_a_later_state() -> None:
    ringing = Life().call.due_at
    assert ringing is not None
    life = Life(WAITING)

    assert life.then(Due(ringing)) == ()
    assert life.call.state is State.WAITING


def test_a_stale_idle_timer_does_not_cut_the_settle_time_short() -> None:
    life = Life((*WAITING, Requested(903.0, LAST_WORDS), Prepared(903.5, 2), Played(903.75, 2)))

    assert life.then(Due(904.0)) == ()
    assert life.call.due_at == 904.25


def test_lost_media_hangs_up_for_the_system() -> None:
    life = Life((*RUNNING, MediaLost(4.0), HangupDone(5.0)))

    assert life.call.end is not None
    assert life.call.end.by is EndedBy.SYSTEM
    assert life.terminal == [contact(PLAY)]


def test_a_call_whose_far_end_was_gone_ended_when_it_was_last_known_to_be_there() -> None:
    life = Life((*CLOSING, HangupDone(40.0, Gone(6.0, received_at=5.5))))

    assert life.call.end == End(6.0, EndedBy.NETWORK, "media_lost", received_at=5.5)
    assert life.terminal == [contact(HANGUP)]


def test_what_was_found_first_holds() -> None:
    """It was asked and did not answer; the BYE that follows tells nothing new."""
    life = Life((*RUNNING, MediaLost(40.0, Gone(4.0)), HangupDone(72.0, Gone(9.0))))

    assert life.call.end == End(4.0, EndedBy.NETWORK, "media_lost")


def test_a_call_does_not_end_before_its_answer() -> None:
    life = Life((*RUNNING, MediaLost(40.0, Gone(-5.0))))

    assert life.call.end is not None
    assert life.call.end.at == life.call.answered_at
