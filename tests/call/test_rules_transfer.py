"""Transfer and rooms: the rules of the reference (sections 3 to 5 and 9), one test a rule."""

import pytest

from call.at_work import (
    ANNOUNCING,
    AUDIBLE,
    ENTERING,
    JOINED,
    LEAVING,
    MEETING,
    OUT_REACHING,
    REACHING,
    ROOM,
    TRANSFER,
    TRYING,
    begun,
    block,
    transfer,
)
from call.lives import (
    FORCED,
    PLAY,
    WAITING,
    Life,
    Path,
    contact,
    dialling,
    play,
)
from onhook.call import (
    Acknowledged,
    Bridge,
    Connected,
    Contact,
    Digit,
    DropPeer,
    Due,
    EndedBy,
    HangUp,
    HangupDone,
    HungUp,
    JoinRoom,
    Kicked,
    Notify,
    PeerAnswered,
    PeerFailed,
    PeerLeft,
    PeerRang,
    Played,
    Prepared,
    Reach,
    Refuse,
    Requested,
    Reserve,
    RingBack,
    State,
    StopMedia,
    StopPlaying,
)
from onhook.call.works import Meeting, Transferring


def told(life: Life) -> list[Notify]:
    """Everything that the transfer's notify_url was told."""
    return [
        effect
        for effect in life.effects
        if isinstance(effect, Notify) and effect.contact.block == "transfer"
    ]


def outcome(transfer_status: str) -> Contact:
    """Whom the transfer is told to, and what it came to."""
    return contact(TRANSFER, transfer_status=transfer_status)


# To a number ----------------------------------------------------------------------------------


def test_the_peer_is_called_once_the_message_was_heard() -> None:
    life = Life(ANNOUNCING)

    assert Reach(3) not in life.effects
    assert life.then(Played(8.0, 3)) == (RingBack(), Reach(3))


def test_a_peer_that_is_heard_before_its_answer_takes_the_place_of_the_ring_back() -> None:
    life = Life(REACHING)

    assert life.then(PeerRang(9.0)) == ()
    assert life.then(PeerRang(10.0, audible=True)) == (StopPlaying(), Bridge())
    assert life.call.due_at == 28.0, "it may still not answer"


def test_answered_means_one_notification_when_the_call_is_over() -> None:
    life = Life((*JOINED, PeerLeft(20.0)))
    assert told(life) == []

    life.then(HangupDone(21.0))

    assert told(life) == [Notify(outcome("answered"), "ended")]
    assert life.call.end is not None
    assert life.call.end.by is EndedBy.CALLEE


def test_the_call_is_over_too_when_the_caller_leaves() -> None:
    life = Life((*JOINED, HungUp(20.0)))

    assert told(life) == [Notify(outcome("answered"), "ended")]


def test_no_time_to_answer_runs_after_the_answer() -> None:
    life = Life(JOINED)

    assert life.call.due_at is None
    assert life.then(Due(28.0)) == ()


@pytest.mark.parametrize("status", ["busy", "unanswered", "failed"])
def test_a_failure_ends_the_call(status: str) -> None:
    life = Life((*REACHING, PeerFailed(9.0, status, 486)))

    assert life.effects[-3:] == [StopPlaying(), StopMedia(), HangUp()]
    life.then(HangupDone(10.0))
    assert told(life) == [Notify(outcome(status), "ended")]
    assert life.call.end is not None
    assert (life.call.end.cause, life.call.end.sip_code) == ("transfer_failed", 486)


@pytest.mark.parametrize("status", ["busy", "unanswered", "failed"])
def test_with_on_failure_continue_the_session_goes_on(status: str) -> None:
    life = Life((*TRYING, PeerFailed(9.0, status, 486)))

    assert told(life) == [Notify(outcome(status), "ongoing")]
    assert life.then(Requested(10.0, play(5))) == (Reserve(5),)


def test_another_transfer_may_follow_one_that_failed() -> None:
    second = transfer(speaks=False, request_id=5)
    life = Life((*TRYING, PeerFailed(9.0, "busy", 486), *begun(second, (), 11.0)))

    life.then(PeerAnswered(12.0))
    life.then(HungUp(13.0))

    assert life.effects.count(Bridge()) == 1
    assert life.terminal == [outcome("answered")]


def test_a_call_that_ends_after_a_failure_says_what_the_transfer_came_to() -> None:
    life = Life((*TRYING, PeerFailed(9.0, "busy", 486), HungUp(10.0)))

    assert life.terminal == [outcome("busy")]


def test_on_failure_continue_with_nobody_to_tell_hangs_up() -> None:
    job = transfer(speaks=False, goes_on=True, url=None)
    life = Life((*begun(job), PeerFailed(9.0, "busy", 486), Due(9.5), HangupDone(10.0)))

    assert life.call.state is State.ENDED
    assert life.terminal == []


@pytest.mark.parametrize("path", [REACHING, AUDIBLE], ids=["ring back", "early media"])
def test_a_peer_that_does_not_answer_in_time_is_dropped(path: Path) -> None:
    life = Life(path)

    assert life.then(Due(28.0))[0] == DropPeer()
    life.then(HangupDone(29.0))
    assert life.terminal == [outcome("unanswered")]


@pytest.mark.parametrize("path", [ANNOUNCING, REACHING], ids=["message", "ringing"])
def test_a_caller_who_leaves_before_the_answer_leaves_it_unanswered(path: Path) -> None:
    life = Life((*path, HungUp(9.0)))

    assert life.terminal == [outcome("unanswered")]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (ANNOUNCING, "unanswered"),
        (REACHING, "unanswered"),
        (JOINED, "answered"),
        (MEETING, "answered"),
    ],
)
def test_nothing_but_force_comes_in_between(path: Path, status: str) -> None:
    life = Life(path)

    assert life.then(Requested(13.0, play(5))) == (Refuse(5, "error_session_not_ready"),)
    life.then(Requested(14.0, FORCED))
    life.then(Prepared(15.0, 9))
    life.then(HangupDone(16.0))
    assert life.terminal == [contact(FORCED, transfer_status=status)]


@pytest.mark.parametrize(
    ("path", "status"),
    [(ANNOUNCING, "unanswered"), (REACHING, "unanswered"), (JOINED, "answered")],
    ids=["message", "ringing", "joined"],
)
def test_a_hangup_by_reference_says_what_the_transfer_came_to(path: Path, status: str) -> None:
    life = Life((*path, Requested(14.0, LEAVING), Prepared(15.0, 9), HangupDone(16.0)))

    assert life.terminal == [outcome(status)]


def test_a_hangup_by_reference_after_another_block_says_what_that_one_came_to() -> None:
    life = Life((*WAITING, Requested(14.0, LEAVING), Prepared(15.0, 9), HangupDone(16.0)))

    assert life.terminal == [contact(PLAY)]


def test_what_is_typed_is_for_the_peer() -> None:
    failed = (*TRYING, Digit(8.5, "1"), PeerFailed(9.0, "busy", 486))
    life = Life((*failed, *begun(play(5), (), 11.0)))

    assert life.call.typed == ""


def test_a_ringing_call_is_answered_for_it_and_the_peer_called_after_the_ack() -> None:
    life = Life((Requested(1.0, transfer(speaks=False)), Prepared(2.0, 3)))

    assert life.then(Acknowledged(3.0)) == (RingBack(), Reach(3))


def test_a_call_of_ours_may_be_transferred_too() -> None:
    life = Life((*OUT_REACHING, PeerAnswered(12.0), PeerLeft(20.0), HangupDone(21.0)))

    assert life.terminal == [outcome("answered")]


# A call of two numbers ------------------------------------------------------------------------

JOINING = block(Transferring(20.0, field="call_status_dest2"), "call", 1, speaks=False)


def test_a_call_of_two_numbers_calls_the_second_when_the_first_answered() -> None:
    life = Life(dialling(job=JOINING))

    assert life.then(Connected(4.0)) == (RingBack(), Reach(1))
    assert life.call.due_at == 24.0
    life.then(PeerAnswered(10.0))
    life.then(HungUp(20.0))
    assert life.terminal == [contact(JOINING, call_status_dest2="answered")]


def test_it_is_over_when_the_second_does_not_answer() -> None:
    life = Life((*dialling(job=JOINING), Connected(4.0), PeerFailed(9.0, "busy", 486)))

    life.then(HangupDone(10.0))

    assert life.terminal == [contact(JOINING, call_status_dest2="busy")]


def test_a_hangup_by_reference_of_two_who_talk_says_that_they_did() -> None:
    joined = (*dialling(job=JOINING), Connected(4.0), PeerAnswered(10.0))
    life = Life((*joined, Requested(14.0, LEAVING), Prepared(15.0, 9), HangupDone(16.0)))

    assert life.terminal == [contact(JOINING, call_status_dest2="answered")]


LIMITED = block(
    Transferring(20.0, field="call_status_dest2", longest_s=30.0), "call", 1, speaks=False
)


def test_the_longest_time_of_two_numbers_runs_from_the_answer_of_the_second() -> None:
    life = Life((*dialling(job=LIMITED), Connected(4.0), PeerAnswered(20.0)))

    assert life.call.due_at == 50.0
    life.then(Digit(30.0, "1"))
    assert life.call.due_at == 50.0
    assert life.then(Due(49.0)) == ()
    assert life.then(Due(50.0)) == (StopMedia(), HangUp())
    life.then(HangupDone(51.0))
    assert life.terminal == [contact(LIMITED, call_status_dest2="answered")]
    assert life.call.end is not None
    assert (life.call.end.by, life.call.end.cause) == (EndedBy.SYSTEM, "max_duration")


# Rooms ----------------------------------------------------------------------------------------


def test_a_room_is_joined_once_the_message_was_heard() -> None:
    life = Life(ENTERING)

    assert JoinRoom(3) not in life.effects
    assert life.then(Played(8.0, 3)) == (JoinRoom(3),)


def test_a_kick_ends_the_call_and_tells_the_transfer() -> None:
    life = Life((*MEETING, Kicked(20.0), HangupDone(21.0)))

    assert life.terminal == [contact(ROOM, transfer_status="answered")]
    assert life.call.end is not None
    assert (life.call.end.by, life.call.end.cause) == (EndedBy.APPLICATION, "kicked")


def test_who_leaves_a_room_was_in_it() -> None:
    assert Life((*MEETING, HungUp(20.0))).terminal == [contact(ROOM, transfer_status="answered")]
    assert Life((*ENTERING, HungUp(7.0))).terminal == [contact(ROOM, transfer_status="unanswered")]


MEMBER = block(Meeting(field="dial_status"), "conference", 1)


@pytest.mark.parametrize(
    "path",
    [(HungUp(5.0),), (Played(5.0, 1), HungUp(6.0)), (Played(5.0, 1), Kicked(6.0), HangupDone(7.0))],
    ids=["message", "room", "kicked"],
)
def test_a_member_of_a_conference_that_was_called_has_answered(path: Path) -> None:
    life = Life((*dialling(job=MEMBER), Connected(4.0), *path))

    assert life.terminal == [contact(MEMBER, dial_status="answered")]


def test_a_member_of_a_conference_that_is_hung_up_by_reference_has_answered() -> None:
    there = (*dialling(job=MEMBER), Connected(4.0), Played(5.0, 1))
    life = Life((*there, Requested(6.0, LEAVING), Prepared(7.0, 9), HangupDone(8.0)))

    assert life.terminal == [contact(MEMBER, dial_status="answered")]
