"""Calls that we place: the rules of the reference (sections 3 to 5 and 9), one test a rule."""

import pytest

from call.at_work import LEAVING
from call.lives import (
    CALLED,
    CANCELLING,
    CONNECTED,
    DIAL,
    DIALLING,
    FORCED,
    LAST_WORDS,
    LIMITS,
    NEXT,
    Life,
    contact,
    dialling,
    forced,
    forcing,
    hangup,
)
from onhook.call import (
    Accept,
    Answer,
    Connected,
    Due,
    EndedBy,
    HangUp,
    HangupDone,
    HungUp,
    Job,
    Notify,
    Overtake,
    Play,
    Played,
    PreparationFailed,
    Prepared,
    Refuse,
    Reject,
    Requested,
    Reserve,
    SessionExpired,
    Shutdown,
    State,
    StopMedia,
    Unreached,
)

NOT_READY = "error_session_not_ready"


def test_after_the_callees_answer_the_message_plays_and_then_the_application_is_told() -> None:
    life = Life((*DIALLING, Connected(4.0), Played(6.0, 1)))

    assert life.effects == [Play(1), Notify(contact(DIAL, dial_status="answered"), "ongoing")]


def test_it_is_billed_from_the_answer_on() -> None:
    assert not Life(DIALLING).call.answered
    assert Life(CONNECTED).call.answered_at == 4.0


@pytest.mark.parametrize(
    ("outcome", "code", "by"),
    [
        ("busy", 486, EndedBy.CALLEE),
        ("busy", 600, EndedBy.CALLEE),
        ("unanswered", 480, EndedBy.SYSTEM),
        ("failed", 503, EndedBy.SYSTEM),
    ],
)
def test_a_callee_that_was_not_reached_is_one_terminal_notification(
    outcome: str, code: int, by: EndedBy
) -> None:
    life = Life((*DIALLING, Unreached(5.0, outcome, code, "why")))

    assert life.terminal == [contact(DIAL, dial_status=outcome)]
    end = life.call.end
    assert end is not None
    assert (end.by, end.cause, end.sip_code, end.sip_cause) == (by, outcome, code, "why")
    assert not life.call.answered


def test_who_does_not_answer_in_ring_time_is_unanswered() -> None:
    life = Life(DIALLING)

    assert life.then(Due(29.9)) == ()
    assert life.then(Due(30.0)) == (HangUp(),)
    assert life.terminal == [], "the CANCEL is on its way"
    life.then(Unreached(30.5, "unanswered", 487))
    assert life.terminal == [contact(DIAL, dial_status="unanswered")]


def test_an_answer_that_crosses_our_cancel_changes_nothing() -> None:
    life = Life((*DIALLING, Due(30.0)))

    assert life.then(Connected(30.1)) == ()
    life.then(HangupDone(30.5))
    assert life.terminal == [contact(DIAL, dial_status="unanswered")]
    assert not life.call.answered


def test_without_notify_url_the_call_ends_after_its_message_and_nobody_is_told() -> None:
    life = Life((*dialling(url=None), Connected(4.0), Played(6.0, 1)))

    assert life.then(Due(6.5)) == (StopMedia(), HangUp())
    life.then(HangupDone(7.0))
    assert life.call.state is State.ENDED
    assert life.terminal == []


def test_without_notify_url_nobody_is_told_of_a_failure_either() -> None:
    life = Life((*dialling(url=None), Unreached(5.0, "busy", 486)))

    assert life.call.state is State.ENDED
    assert life.terminal == []


def test_no_call_of_ours_is_answered_or_rejected_by_us() -> None:
    life = Life((*CALLED, Requested(7.0, hangup(2, speaks=True)), Prepared(8.0, 2)))

    assert life.effects[-2:] == [Accept(2), Play(2)]
    assert Answer() not in life.effects
    for path in (CANCELLING, (*DIALLING, Shutdown(3.0)), (*DIALLING, SessionExpired(3.0))):
        assert not any(isinstance(effect, Reject) for effect in Life(path).effects)


# Longest duration -----------------------------------------------------------------------------


def test_max_duration_counts_from_the_answer() -> None:
    life = Life(dialling(max_s=20.0))
    assert life.call.expires_at == LIMITS.session_s

    life.then(Connected(4.0))

    assert life.call.expires_at == 24.0
    assert life.then(SessionExpired(24.0)) == (StopMedia(), HangUp())
    life.then(HangupDone(25.0))
    assert life.call.end is not None
    assert (life.call.end.by, life.call.end.cause) == (EndedBy.SYSTEM, "max_duration")
    assert len(life.terminal) == 1


def test_max_duration_gives_no_more_than_any_session_has() -> None:
    life = Life((*dialling(max_s=LIMITS.session_s), Connected(4.0)))

    assert life.call.expires_at == LIMITS.session_s
    life.then(SessionExpired(LIMITS.session_s))
    assert life.call.end is not None
    assert life.call.end.cause == "session_timeout"


# Requests meanwhile ---------------------------------------------------------------------------


@pytest.mark.parametrize("job", [NEXT, hangup(3), hangup(3, speaks=True)], ids=lambda j: j.block)
def test_while_it_rings_every_block_has_to_wait(job: Job) -> None:
    life = Life(DIALLING)

    assert life.then(Requested(3.0, job)) == (Refuse(3, NOT_READY),)


def test_a_forced_hangup_is_taken_while_it_rings() -> None:
    life = Life(DIALLING)

    assert life.then(Requested(3.0, FORCED)) == (Reserve(9),)
    assert life.then(Prepared(3.5, 9)) == (HangUp(), Accept(9))
    life.then(Unreached(4.0, "unanswered", 487))
    assert life.terminal == [contact(FORCED, dial_status="unanswered")]
    assert life.call.end is not None
    assert (life.call.end.at, life.call.end.cause) == (3.5, "forced_hangup")


def test_without_a_notify_url_of_its_own_nobody_is_told() -> None:
    silent = forced(9, url=None)
    life = Life((*DIALLING, Requested(3.0, silent), Prepared(3.5, 9), HangupDone(4.0)))

    assert life.terminal == []
    assert life.call.untold == (("dial_status", "unanswered"),)


def test_a_hangup_by_reference_while_it_rings_leaves_it_unanswered() -> None:
    life = Life((*DIALLING, Requested(3.0, LEAVING), Prepared(3.5, 9)))

    life.then(Unreached(4.0, "unanswered", 487))

    assert life.terminal == [contact(DIAL, dial_status="unanswered")]


def test_a_forced_hangup_prepared_after_the_answer_is_as_good() -> None:
    life = Life((*forcing(DIALLING, 3.0), Connected(4.0)))

    assert life.then(Prepared(5.0, 9)) == (StopMedia(), HangUp(), Accept(9))


def test_a_forced_hangup_prepared_after_the_refusal_comes_too_late() -> None:
    life = Life((*forcing(DIALLING, 3.0), Unreached(4.0, "busy", 486)))

    assert Overtake(9, "error_session_ended") in life.effects
    assert life.then(Prepared(5.0, 9)) == ()
    assert life.terminal == [contact(DIAL, dial_status="busy")]


def test_a_forced_hangup_that_fails_lets_it_ring_on() -> None:
    life = Life((*forcing(DIALLING, 3.0), PreparationFailed(4.0, 9)))

    assert life.call == Life(DIALLING).call


# The end --------------------------------------------------------------------------------------


def test_a_callee_who_leaves_has_answered() -> None:
    life = Life((*CONNECTED, HungUp(5.0)))

    assert life.terminal == [contact(DIAL, dial_status="answered")]
    assert life.call.end is not None
    assert life.call.end.by is EndedBy.CALLEE


def test_last_words_of_a_call_of_ours_are_heard_to_their_end() -> None:
    path = (*CALLED, Requested(7.0, LAST_WORDS), Prepared(8.0, 2), Played(10.0, 2))
    life = Life(path)

    assert life.then(Due(10.5)) == (StopMedia(), HangUp())
    life.then(HangupDone(11.0))
    assert life.terminal == [contact(LAST_WORDS)]


def test_a_process_that_ends_takes_the_call_back_and_says_that_it_failed() -> None:
    life = Life((*DIALLING, Shutdown(3.0), Unreached(3.5, "unanswered", 487)))

    assert life.terminal == [contact(DIAL, dial_status="failed")]
