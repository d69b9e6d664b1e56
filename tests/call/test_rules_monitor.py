"""Monitor and Hold: the rules of the reference (sections 3, 4 and 9), one test a rule."""

import pytest

from call.at_work import (
    BLOCK_URL,
    GATHER,
    HELD,
    HOLD,
    LEAVING,
    LISTENING,
    MONITOR,
    MONITOR_URL,
    MONITORED,
    MONITORING,
    PREPARING_UNHOLD,
    UNHOLD,
    WHOLE_LINK,
    begun,
    block,
    hold,
    monitor,
    unhold,
)
from call.lives import (
    FORCED,
    FORWARD,
    HANGUP,
    LIMITS,
    PLAY,
    WAITING,
    Life,
    Path,
    contact,
    hangup,
    play,
)
from onhook.call import (
    Acknowledged,
    Contact,
    Digit,
    Due,
    HangUp,
    HangupDone,
    HungUp,
    Job,
    Loop,
    Notify,
    Play,
    PreparationFailed,
    Prepared,
    Refuse,
    Requested,
    Reserve,
    SessionExpired,
    StartRecording,
    State,
    StopMedia,
    StopPlaying,
)
from onhook.call.works import Monitoring
from onhook.urls import WebUrl

# Monitor --------------------------------------------------------------------------------------


def whole(url: WebUrl = MONITOR_URL, tag: str = "") -> Contact:
    """Who gets the link to the recording of the whole call."""
    return Contact("monitor", url, tag, (("monitor_url", WHOLE_LINK),))


def told_ongoing(life: Life) -> list[Contact]:
    """Who was told that a block is over."""
    return [
        effect.contact
        for effect in life.effects
        if isinstance(effect, Notify) and effect.call_state == "ongoing"
    ]


def test_the_message_is_recorded_too() -> None:
    life = Life(MONITORING)

    assert life.effects[-2:] == [StartRecording("mon"), Play(3)]


def test_its_notify_url_is_told_when_the_next_block_may_be_sent_without_a_link() -> None:
    life = Life(MONITORED)

    assert told_ongoing(life)[-1] == contact(MONITOR)


def test_its_monitor_notify_url_is_told_the_link_after_the_call() -> None:
    life = Life((*MONITORED, *begun(play(5), (), 10.0), HungUp(11.0)))

    assert life.terminal == [contact(play(5)), whole()]


def test_without_one_its_notify_url_is_told_the_link() -> None:
    life = Life((*begun(monitor(None, speaks=False)), *begun(play(5), (), 10.0), HungUp(11.0)))

    assert life.terminal == [contact(play(5)), whole(BLOCK_URL)]


@pytest.mark.parametrize("url", [None, BLOCK_URL], ids=["left out", "the same"])
def test_who_is_told_of_both_is_told_once(url: WebUrl | None) -> None:
    life = Life((*begun(monitor(url, speaks=False)), HungUp(11.0)))

    assert life.terminal == [whole(BLOCK_URL)]


def test_its_two_last_notifications_carry_its_tag() -> None:
    job = block(Monitoring("mon", WHOLE_LINK, MONITOR_URL), "monitor", speaks=False, tag="t")
    life = Life((*begun(job), HungUp(11.0)))

    assert life.terminal == [contact(job), whole(tag="t")]


def test_the_link_is_told_also_where_nobody_is_told_of_the_end() -> None:
    silent = hangup(5, url=None)
    life = Life((*MONITORED, *begun(silent, (), 10.0), HangupDone(11.0)))

    assert life.terminal == [whole()]


def test_it_goes_on_through_a_forced_hangup() -> None:
    life = Life((*MONITORED, Requested(9.0, FORCED), Prepared(10.0, 9), HangupDone(11.0)))

    assert life.terminal == [contact(FORCED), whole()]


def test_a_call_is_monitored_once() -> None:
    life = Life(MONITORED)

    again = life.then(Requested(9.0, monitor(request_id=5)))

    assert again == (Refuse(5, "error_monitor_in_progress"),)


def test_a_monitor_that_was_not_prepared_may_be_asked_for_again() -> None:
    life = Life((*WAITING, Requested(5.0, MONITOR), PreparationFailed(6.0, 3)))

    assert life.then(Requested(7.0, monitor(request_id=5))) == (Reserve(5),)
    life.then(HungUp(8.0))
    assert life.terminal == [contact(PLAY)]


def test_nothing_was_recorded_of_a_caller_who_never_heard_us() -> None:
    life = Life((Requested(1.0, MONITOR), Prepared(2.0, 3), HungUp(2.5)))

    assert life.terminal == [contact(MONITOR)]
    assert StartRecording("mon") not in life.effects


def test_it_begins_with_the_ack_of_a_ringing_call() -> None:
    life = Life((Requested(1.0, MONITOR), Prepared(2.0, 3)))

    assert life.then(Acknowledged(3.0)) == (StartRecording("mon"), Play(3))


# Hold -----------------------------------------------------------------------------------------


def test_a_hold_plays_again_and_again_and_tells_nobody() -> None:
    life = Life(HELD)

    assert life.effects[-1] == Loop(3)
    assert told_ongoing(life) == [contact(PLAY)]


@pytest.mark.parametrize(
    "job",
    [play(5), GATHER, MONITOR, hold(5), hangup(5), hangup(5, speaks=True)],
    ids=lambda job: f"{job.block}-{job.speaks}",
)
def test_only_unhold_and_a_forced_hangup_are_taken_on_hold(job: Job) -> None:
    life = Life(HELD)

    assert life.then(Requested(7.0, job)) == (Refuse(job.request_id, "error_session_not_ready"),)
    assert life.then(Requested(7.1, UNHOLD)) == (Reserve(4),)
    assert life.then(Requested(7.2, FORCED)) == (Reserve(9),)


def test_after_an_unhold_the_application_has_the_word() -> None:
    life = Life(PREPARING_UNHOLD)

    effects = life.then(Prepared(8.0, 4))

    assert effects[1:] == (StopPlaying(), Notify(contact(UNHOLD), "ongoing"))
    assert life.call.due_at == 8.0 + LIMITS.idle_s
    assert life.then(Requested(9.0, play(5))) == (Reserve(5),)


def test_an_unhold_without_notify_url_hangs_up_and_tells_nobody() -> None:
    life = Life(begun(unhold(url=None), HELD, 8.0))

    assert life.then(Due(8.5)) == (StopMedia(), HangUp())
    life.then(HangupDone(9.0))
    assert life.terminal == []


@pytest.mark.parametrize("path", [(), WAITING, (*HELD, *begun(UNHOLD, (), 8.0))])
def test_an_unhold_needs_a_hold(path: Path) -> None:
    life = Life(path)

    refusal = life.then(Requested(9.0, unhold(5)))

    assert refusal == (Refuse(5, "error_session_not_on_hold"),)


def test_a_call_may_be_held_again() -> None:
    life = Life((*HELD, *begun(UNHOLD, (), 8.0), *begun(hold(5), (), 10.0)))

    assert life.call.state is State.HELD
    assert life.then(Requested(11.0, unhold(6))) == (Reserve(6),)


def test_an_unhold_that_could_not_be_prepared_leaves_the_call_on_hold() -> None:
    life = Life(HELD)
    before = life.call

    life.then(Requested(7.0, UNHOLD))
    life.then(PreparationFailed(8.0, 4))

    assert life.call == before


def test_no_idle_time_runs_on_hold_but_that_of_the_session_does() -> None:
    life = Life(HELD)

    assert life.call.due_at is None
    assert life.call.expires_at == LIMITS.session_s
    assert life.then(SessionExpired(LIMITS.session_s)) == (StopMedia(), HangUp())


def test_the_end_of_a_held_call_is_told_to_the_last_block_that_had_a_url() -> None:
    life = Life((*HELD, HungUp(7.0)))

    assert life.terminal == [contact(PLAY)]


def test_with_what_that_block_came_to() -> None:
    life = Life((*LISTENING, Digit(9.0, "7"), Digit(9.5, "#"), *begun(hold(5), (), 11.0)))

    life.then(HungUp(12.0))

    assert life.terminal == [contact(GATHER, digits="7")]


def test_else_to_the_numbers_forward_to() -> None:
    life = Life((Requested(1.0, HOLD), Prepared(2.0, 3), Acknowledged(3.0), HungUp(7.0)))

    assert life.terminal == [FORWARD]


def test_a_forced_hangup_of_a_held_call_tells_itself() -> None:
    life = Life((*HELD, Requested(7.0, FORCED), Prepared(8.0, 9), HangupDone(9.0)))

    assert life.terminal == [contact(FORCED)]


def test_a_hangup_by_reference_of_a_held_call_tells_whoever_was_to_be_told() -> None:
    life = Life((*HELD, Requested(7.0, LEAVING), Prepared(8.0, 9), HangupDone(9.0)))

    assert life.terminal == [contact(PLAY)]


def test_digits_of_a_held_call_are_for_nobody() -> None:
    held = (*WAITING, Digit(4.5, "1"), *begun(HOLD, ()), Digit(6.5, "2"))
    life = Life((*held, Requested(7.0, UNHOLD), Digit(7.5, "3"), Prepared(8.0, 4)))

    life.then(Requested(9.0, GATHER))
    life.then(Prepared(10.0, 3))

    assert life.effects[-1] == Play(3)


def test_a_hangup_after_an_unhold_is_as_after_any_block() -> None:
    life = Life((*HELD, *begun(UNHOLD, (), 8.0), *begun(HANGUP, (), 10.0), HangupDone(11.0)))

    assert life.terminal == [contact(HANGUP)]
