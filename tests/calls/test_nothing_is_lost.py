"""What a block gathered is told however the call ends: every end, in the middle of every block."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from call.at_work import (
    ADDRESSING,
    ANNOUNCING,
    AUDIBLE,
    BEEPING,
    BLOCK_URL,
    ENTERING,
    JOINED,
    LEAVING,
    LINK,
    LISTENING,
    MEETING,
    MONITORING,
    OUT_REACHING,
    PROMPTING,
    REACHING,
    RECORDING,
    TRYING,
    TYPING,
    WHOLE_LINK,
    begun,
    block,
    monitor,
    record,
)
from call.lives import CONNECTED, FORCED, Life, Path, contact, dialling, forced
from onhook.call import (
    Connected,
    Contact,
    Digit,
    Event,
    HangupDone,
    HungUp,
    Job,
    MediaLost,
    OutOfCredit,
    Played,
    Prepared,
    Requested,
    SessionExpired,
    Shutdown,
    State,
    Unacknowledged,
)
from onhook.call.works import Meeting
from onhook.calls import call_record
from onhook.calls.recovery import ended, last_contacts
from onhook.store import StoredDialogs
from store.samples import call

MEMBER = block(Meeting("dial_status"), "conference", 1, url=BLOCK_URL)
BOTH = begun(record(beep=False, speaks=False), (*MONITORING, Played(8.0, 3)), at=9.0)

AT_WORK: Mapping[str, tuple[Path, Mapping[str, str]]] = {
    "gather, nothing typed": (PROMPTING, {"digits": ""}),
    "gather": ((*LISTENING, Digit(9.0, "4"), Digit(9.5, "2")), {"digits": "42"}),
    "digits sent, their message": (ADDRESSING, {}),
    "digits sent": (TYPING, {}),
    "record, before the beep": (BEEPING, {}),
    "record": (RECORDING, {"record_url": LINK}),
    "record of a monitored call": (BOTH, {"record_url": LINK, "monitor_url": WHOLE_LINK}),
    "monitor": (MONITORING, {"monitor_url": WHOLE_LINK}),
    "monitor, all to one": (begun(monitor(None)), {"monitor_url": WHOLE_LINK}),
    "transfer, its message": (ANNOUNCING, {"transfer_status": "unanswered"}),
    "transfer, ringing": (REACHING, {"transfer_status": "unanswered"}),
    "transfer, heard": (AUDIBLE, {"transfer_status": "unanswered"}),
    "transfer, going on": (TRYING, {"transfer_status": "unanswered"}),
    "transfer, joined": (JOINED, {"transfer_status": "answered"}),
    "transfer of a call of ours": (OUT_REACHING, {"transfer_status": "unanswered"}),
    "room, its message": (ENTERING, {"transfer_status": "unanswered"}),
    "room": (MEETING, {"transfer_status": "answered"}),
    "dial, its message": (CONNECTED, {"dial_status": "answered"}),
    "conference": (
        (*dialling(job=MEMBER), Connected(4.0), Played(5.0, 1)),
        {"dial_status": "answered"},
    ),
}
"""Where a block is, and what it has come to by then."""

AT = 30.0


@dataclass(frozen=True)
class Way:
    """How a call ends: these events, one after the other."""

    events: tuple[Event, ...]


def force(job: Job) -> Way:
    """A Hangup by force is asked for and prepared."""
    return Way((Requested(AT, job), Prepared(AT, job.request_id)))


ENDS: Mapping[str, Way] = {
    "forced, told to its own URL": force(FORCED),
    "forced, nobody to be told": force(forced(9, url=None)),
    "voice/hangup": force(LEAVING),
    "the far end's BYE": Way((HungUp(AT),)),
    "the network": Way((MediaLost(AT),)),
    "a limit of time": Way((SessionExpired(AT),)),
    "credit": Way((OutOfCredit(AT),)),
    "SIGTERM": Way((Shutdown(AT),)),
    "never acknowledged": Way((Unacknowledged(AT),)),
}


def cases() -> Iterator[object]:
    for at_work, (path, came_to) in AT_WORK.items():
        for name, way in ENDS.items():
            yield pytest.param(path, came_to, way, id=f"{at_work}: {name}")


def all_told(contacts: list[Contact]) -> dict[str, str]:
    return {name: value for contact in contacts for name, value in contact.fields}


@pytest.mark.parametrize(("path", "came_to", "way"), list(cases()))
def test_what_it_came_to_is_told_or_kept(path: Path, came_to: Mapping[str, str], way: Way) -> None:
    life = Life((*path, *way.events, HangupDone(AT + 1)))

    assert life.call.state is State.ENDED
    told = all_told(life.terminal)
    assert {**dict(life.call.untold), **told} == came_to
    first = life.terminal[0] if life.terminal else None
    if life.call.contact is not None:  # who is told of the end is told of the block in progress
        assert first is not None
        assert set(came_to) - set(dict(first.fields)) <= {"monitor_url"}
        assert life.call.untold == ()


@pytest.mark.parametrize(("path", "came_to"), AT_WORK.values(), ids=AT_WORK)
def test_the_forced_hangups_own_url_is_told(path: Path, came_to: Mapping[str, str]) -> None:
    life = Life((*path, *force(FORCED).events, HangupDone(AT + 1)))

    first, *others = life.terminal
    assert (first.block, first.url, first.tag) == ("hangup", FORCED.notify_url, "now")
    in_progress = {**came_to}
    if path is BOTH:
        del in_progress["monitor_url"]  # of a block that is over: its own URL is told
    assert dict(first.fields) == in_progress
    assert [one.url for one in others] == [c.url for c in (life.call.monitor,) if c is not None]


@pytest.mark.parametrize(("path", "came_to"), AT_WORK.values(), ids=AT_WORK)
@pytest.mark.parametrize("closing", ["", *ENDS])
def test_it_is_told_after_a_crash_too_all_but_digits(
    path: Path, came_to: Mapping[str, str], closing: str
) -> None:
    """In the middle of the block; and once a BYE is on its way: then not even digits are lost."""
    life = Life((*path, *(ENDS[closing].events if closing else ())))
    changes = call_record.changes(call(), life.call, told=0, dialog=StoredDialogs())
    record = replace(call(), **changes)  # type: ignore[arg-type]  # names of its fields
    recovered, _ = ended(record, None, 10_000)

    found = {**dict(recovered.facts.fields), **all_told(list(last_contacts(recovered)))}
    if not closing and "digits" in came_to:
        came_to = {"digits": ""}
    assert found == came_to


def test_what_was_told_before_is_not_told_again_by_force() -> None:
    life = Life((*RECORDING, Digit(9.0, "#"), *force(FORCED).events, HangupDone(AT + 1)))

    assert life.terminal == [contact(FORCED)]
    assert life.call.untold == ()
