"""Gather and Record: the rules of the reference (sections 3, 4 and 9), one test a rule."""

import pytest

from call.at_work import (
    BEEPING,
    GATHER,
    LINK,
    LISTENING,
    PROMPTING,
    RECORD,
    RECORDING,
    begun,
    gather,
)
from call.lives import (
    FORCED,
    RUNNING,
    UNHEARD,
    WAITING,
    Life,
    Path,
    contact,
    forcing,
    play,
)
from onhook.call import (
    Acknowledged,
    Digit,
    Due,
    HangupDone,
    HungUp,
    MessageBroken,
    Notify,
    Play,
    Played,
    Prepared,
    Requested,
    StartRecording,
    State,
    StopPlaying,
    StopRecording,
)


def typed(digits: str, at: float) -> tuple[Digit, ...]:
    """Keys that are pressed one after the other, all within a second."""
    return tuple(Digit(at + number / 100, digit) for number, digit in enumerate(digits))


def gathered(life: Life) -> list[str]:
    """What the application was told after each Gather."""
    return [
        digits
        for effect in life.effects
        if isinstance(effect, Notify) and effect.call_state == "ongoing"
        for name, digits in effect.fields
        if name == "digits"
    ]


# Gather ---------------------------------------------------------------------------------------


def test_so_many_digits_are_the_result() -> None:
    life = Life((*LISTENING, *typed("1234", 9.0)))

    assert gathered(life) == ["1234"]
    assert life.call.state is State.WAITING


def test_the_hash_ends_it_and_is_no_digit() -> None:
    life = Life((*LISTENING, *typed("12#", 9.0)))

    assert gathered(life) == ["12"]


def test_the_hash_alone_ends_it_without_digits() -> None:
    life = Life((*LISTENING, Digit(9.0, "#")))

    assert gathered(life) == [""]


def test_zero_max_digits_takes_what_comes_until_the_hash() -> None:
    many = "0123456789*" * 30
    life = Life((*begun(gather(0, speaks=False)), *typed(many, 6.1)))

    assert gathered(life) == []
    life.then(Digit(10.0, "#"))
    assert gathered(life) == [many]


def test_zero_max_digits_takes_what_comes_until_the_time_is_over() -> None:
    life = Life((*begun(gather(0, speaks=False)), *typed("12345", 6.1), Due(16.0)))

    assert gathered(life) == ["12345"]


def test_a_digit_during_the_message_stops_it_and_is_the_first() -> None:
    life = Life(PROMPTING)

    assert life.then(Digit(7.0, "1")) == (StopPlaying(),)
    for event in typed("234", 8.0):
        life.then(event)
    assert gathered(life) == ["1234"]


def test_the_time_counts_from_the_end_of_the_message() -> None:
    life = Life(PROMPTING)

    assert life.call.due_at is None, "a long message takes nothing of it"
    life.then(Played(70.0, 3))
    assert life.call.due_at == 80.0


def test_the_time_counts_from_the_digit_that_stops_the_message() -> None:
    life = Life((*PROMPTING, Digit(7.0, "1")))

    assert life.call.due_at == 17.0


def test_what_was_typed_when_the_time_is_over_is_the_result() -> None:
    life = Life((*LISTENING, *typed("12", 17.0), Due(18.0)))

    assert gathered(life) == ["12"]


def test_message_and_wait_are_repeated_without_input_so_many_times() -> None:
    life = Life(begun(gather(attempts=3)))

    for at in (8.0, 28.0, 48.0):
        life.then(Played(at, 3))
        life.then(Due(at + 10.0))

    assert life.effects.count(Play(3)) == 3
    assert gathered(life) == [""]


def test_they_are_not_repeated_with_input() -> None:
    life = Life((*begun(gather(attempts=3)), Played(8.0, 3), Digit(9.0, "5"), Due(18.0)))

    assert life.effects.count(Play(3)) == 1
    assert gathered(life) == ["5"]


def test_the_second_time_a_digit_stops_the_message_too() -> None:
    life = Life((*LISTENING, Due(18.0)))

    assert life.then(Digit(19.0, "1")) == (StopPlaying(),)
    assert life.call.due_at == 29.0


def test_digits_are_told_also_where_the_caller_left() -> None:
    life = Life((*LISTENING, *typed("12", 9.0), HungUp(10.0)))

    assert life.terminal == [contact(GATHER, digits="12")]


def test_without_digits_the_field_is_there_and_empty() -> None:
    life = Life((*PROMPTING, HungUp(7.0)))

    assert life.terminal == [contact(GATHER, digits="")]


def test_a_forced_hangup_cuts_it_short_and_tells_what_was_typed() -> None:
    life = Life((*forcing((*LISTENING, Digit(9.0, "1")), 10.0), Prepared(11.0, 9)))

    life.then(HangupDone(12.0))

    assert life.terminal == [contact(FORCED, digits="1")]


def test_a_message_that_breaks_off_ends_the_call_and_tells_the_gather() -> None:
    life = Life((*PROMPTING, MessageBroken(7.0, 3), HangupDone(8.0)))

    assert life.call.end is not None
    assert life.call.end.cause == "message_incomplete"
    assert life.terminal == [contact(GATHER, digits="")]


# Typed ahead ----------------------------------------------------------------------------------

ASKED: Path = (Requested(5.0, GATHER), Prepared(6.0, 3))


@pytest.mark.parametrize(
    "early",
    [
        (*UNHEARD, *typed("1234", 2.5), Acknowledged(3.0), Played(4.0, 1)),
        (*RUNNING, *typed("1234", 3.5), Played(4.0, 1)),
        (*WAITING, *typed("1234", 4.5)),
    ],
    ids=["before the ACK", "during a play", "between blocks"],
)
def test_what_was_typed_ahead_is_kept_for_the_next_gather(early: Path) -> None:
    life = Life((*early, *ASKED))

    assert gathered(life) == ["1234"]
    assert Play(3) not in life.effects


def test_what_is_typed_while_it_is_prepared_is_taken_too() -> None:
    life = Life((*WAITING, Requested(5.0, GATHER), *typed("12", 5.1), Prepared(6.0, 3)))

    for event in typed("34", 7.0):
        life.then(event)

    assert gathered(life) == ["1234"]


def test_who_typed_a_part_ahead_hears_no_message_and_may_type_the_rest() -> None:
    life = Life((*WAITING, *typed("12", 4.5), *ASKED))

    assert Play(3) not in life.effects
    assert life.call.due_at == 16.0
    life.then(Due(16.0))
    assert gathered(life) == ["12"]


def test_what_one_gather_does_not_take_is_for_the_next() -> None:
    life = Life((*WAITING, *typed("123456#", 4.5), *ASKED))

    second = gather(0)
    life.then(Requested(7.0, second))
    life.then(Prepared(8.0, second.request_id))

    assert gathered(life) == ["1234", "56"]


def test_a_hash_after_the_last_digit_does_not_end_the_next_gather() -> None:
    life = Life((*LISTENING, *typed("1234#", 9.0)))

    life.then(Requested(10.0, GATHER))
    life.then(Prepared(11.0, 3))

    assert gathered(life) == ["1234"]
    assert life.call.state is State.RUNNING


def test_a_hash_that_was_typed_ahead_behind_digits_ends_the_next_gather() -> None:
    life = Life((*WAITING, *typed("12#", 4.5), *ASKED))

    assert gathered(life) == ["12"]


def test_no_more_is_kept_than_a_gather_can_ask_for() -> None:
    life = Life((*WAITING, *typed("9" + "1" * 255, 4.1), *begun(gather(255, speaks=False), ())))

    assert gathered(life) == ["1" * 255]


def test_other_blocks_leave_what_was_typed_ahead() -> None:
    between = play(5)
    life = Life((*WAITING, *typed("1234", 4.5), *begun(between, ()), Played(7.0, 5)))

    life.then(Requested(8.0, GATHER))
    life.then(Prepared(9.0, 3))

    assert gathered(life) == ["1234"]


# Record ---------------------------------------------------------------------------------------


def test_a_recording_begins_after_message_and_beep() -> None:
    life = Life(BEEPING)

    assert life.effects[-1] == Play(3, beep=True, recording="rec")
    assert life.then(Played(8.0, 3)) == (StartRecording("rec"),)


def test_its_longest_duration_counts_from_its_begin() -> None:
    life = Life(RECORDING)

    assert life.call.due_at == 8.0 + 60.0
    assert life.then(Due(68.0))[0] == StopRecording("rec")


@pytest.mark.parametrize("through", [Digit(20.0, "#"), Due(68.0)], ids=["#", "time"])
def test_the_link_comes_with_the_end_of_the_block(through: Digit | Due) -> None:
    life = Life(RECORDING)

    life.then(through)

    assert life.effects[-1] == Notify(contact(RECORD, record_url=LINK), "ongoing")


def test_other_keys_end_nothing_and_give_no_time() -> None:
    life = Life((*RECORDING, *typed("123*", 9.0)))

    assert life.call.state is State.RUNNING
    assert life.call.due_at == 68.0


def test_the_link_is_told_where_the_caller_left_a_recording() -> None:
    life = Life((*RECORDING, HungUp(9.0)))

    assert life.terminal == [contact(RECORD, record_url=LINK)]


def test_no_link_is_told_where_nothing_was_recorded_yet() -> None:
    life = Life((*BEEPING, HungUp(7.0)))

    assert life.terminal == [contact(RECORD)]


def test_what_was_recorded_is_told_of_once_more_when_the_call_ends() -> None:
    life = Life((*RECORDING, Digit(20.0, "#"), HungUp(21.0)))

    assert life.terminal == [contact(RECORD, record_url=LINK)]


@pytest.mark.parametrize(
    "path",
    [
        (*WAITING, *typed("12", 4.5), *begun(RECORD, ()), Played(8.0, 3)),
        (*BEEPING, *typed("12", 7.0), Played(8.0, 3)),
        (*RECORDING, *typed("12", 8.5)),
    ],
    ids=["before", "during the message", "recorded"],
)
def test_keys_around_a_recording_are_not_kept_for_a_gather(path: Path) -> None:
    life = Life((*path, Digit(9.0, "#")))

    life.then(Requested(10.0, GATHER))
    life.then(Prepared(11.0, 3))

    assert life.effects[-1] == Play(3)


def test_a_key_before_the_ack_neither_begins_nor_ends_a_recording() -> None:
    life = Life((Requested(1.0, RECORD), Prepared(2.0, 3), Digit(2.5, "#")))

    assert life.then(Acknowledged(3.0)) == (Play(3, beep=True, recording="rec"),)
    life.then(Played(5.0, 3))
    assert life.call.due_at == 65.0
