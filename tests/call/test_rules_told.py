"""Who gets the terminal notification: the rules of the reference (sections 3 and 9), one test a rule."""

import pytest

from call.lives import (
    ENDING,
    FORCED,
    FORWARD,
    LAST_PLAY,
    LAST_WORDS,
    NEXT,
    PLAY,
    RINGING,
    RUNNING,
    WAITING,
    Life,
    Path,
    contact,
    forced,
    forcing,
    hangup,
    play,
)
from onhook import urls
from onhook.call import (
    Cancelled,
    Due,
    HangupDone,
    HungUp,
    PreparationFailed,
    Prepared,
    Requested,
    State,
)

ANOTHER = urls.parse("http://app.example/2")


def test_the_terminal_notification_goes_to_the_block_in_progress() -> None:
    life = Life((*WAITING, Requested(5.0, play(3, ANOTHER)), Prepared(6.0, 3)))

    life.then(HungUp(7.0))

    assert life.terminal == [contact(play(3, ANOTHER))]


def test_else_to_the_last_block_that_had_one() -> None:
    life = Life(WAITING)

    life.then(HungUp(7.0))

    assert life.terminal == [contact(PLAY)]


def test_a_block_that_is_only_being_prepared_is_not_in_progress() -> None:
    life = Life((*WAITING, Requested(5.0, NEXT)))

    life.then(HungUp(7.0))

    assert life.terminal == [contact(PLAY)]


def test_else_to_the_numbers_forward_to_as_answer() -> None:
    life = Life(RINGING)

    life.then(Cancelled(1.0))

    assert life.terminal == [FORWARD]
    assert life.terminal[0].block == "answer"


def test_nobody_is_told_after_a_hangup_without_notify_url() -> None:
    life = Life((*WAITING, Requested(5.0, hangup(2, url=None)), Prepared(6.0, 2)))

    life.then(HangupDone(7.0))

    assert life.call.state is State.ENDED
    assert life.terminal == []


def test_nobody_is_told_after_a_rejection_without_notify_url() -> None:
    life = Life((Requested(1.0, hangup(2, url=None)), Prepared(2.0, 2), HangupDone(3.0)))

    assert life.call.state is State.ENDED
    assert life.terminal == []


def test_nobody_is_told_when_the_caller_leaves_a_play_without_notify_url() -> None:
    life = Life((*LAST_PLAY, HungUp(4.0)))

    assert life.terminal == []


def test_nobody_is_told_when_a_forced_hangup_without_notify_url_cuts_a_play() -> None:
    life = Life((*RUNNING, Requested(4.0, forced(9, url=None)), Prepared(5.0, 9), HangupDone(6.0)))

    assert life.terminal == []


def test_a_forced_hangup_after_an_unforced_one_is_told_at_its_own_url_with_its_own_tag() -> None:
    life = Life((*forcing(ENDING), Prepared(7.0, 9), HangupDone(8.0)))

    assert life.terminal == [contact(FORCED)]
    assert life.terminal[0].tag == "now"


def test_else_at_the_earlier_ones_url_with_the_earlier_ones_tag() -> None:
    silent = forced(9, url=None, tag="now")
    life = Life((*ENDING, Requested(6.5, silent), Prepared(7.0, 9), HangupDone(8.0)))

    assert life.terminal == [contact(LAST_WORDS)]
    assert life.terminal[0].tag == "bye"


def test_a_forced_hangup_that_failed_does_not_change_who_is_told() -> None:
    life = Life((*forcing(ENDING), PreparationFailed(7.0, 9), HungUp(8.0)))

    assert life.terminal == [contact(LAST_WORDS)]


@pytest.mark.parametrize(
    ("path", "told"), [(RINGING, FORWARD), (WAITING, contact(PLAY))], ids=["ringing", "waiting"]
)
def test_a_timeout_is_told_to_whoever_would_be_told_of_a_bye(path: Path, told: object) -> None:
    life = Life(path)
    assert life.call.due_at is not None

    life.then(Due(life.call.due_at))
    life.then(HangupDone(1000.0))

    assert life.terminal == [told]
