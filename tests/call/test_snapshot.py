"""A call that is written down and read again, in another process, is the same call."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from call.at_work import LINK, MONITOR_URL, begun, block
from call.lives import CLOSING, FORWARD, LIMITS, Life
from call.test_properties import DIALS, LIVES, AnyCall
from onhook import urls
from onhook.call import (
    Call,
    Contact,
    Effect,
    Event,
    Gone,
    Job,
    Limits,
    MediaLost,
    State,
    Work,
    snapshot,
)
from onhook.call.snapshot import SnapshotUnreadable
from onhook.call.works import (
    Gathering,
    HangingUp,
    Holding,
    Leaving,
    Meeting,
    Monitoring,
    Recording,
    Saying,
    SendingDigits,
    Transferring,
    Unholding,
)
from onhook.call.works.transfer import Phase


def again(call: Call) -> Call:
    """What another process makes of what this one writes."""
    return snapshot.restored(json.loads(json.dumps(snapshot.of(call), allow_nan=False)))


class MovingCall(AnyCall):
    """A call that is in another process at each step, but for what is being prepared for it meanwhile."""

    def happen(self, event: Event) -> tuple[Effect, ...]:
        if self.call.state is not State.PREPARING and self.call.forcing is None:
            moved = again(self.call)
            assert moved == self.call
            self.call = moved
        return super().happen(event)

    def crash(self) -> None:
        """Nobody says any more what came of what is being prepared."""
        found = again(self.call)
        while self.books.in_preparation:
            self.report(pick=0, succeeds=False)
        assert found == self.call


@settings(max_examples=60, deadline=None)
@given(st.none() | DIALS, LIVES, st.sets(st.integers(0, 79)))
def test_any_life_goes_on_elsewhere(
    placed: Job | None, life: list[tuple[Any, ...]], crashes: set[int]
) -> None:
    call = MovingCall(placed)
    for number, (name, *values) in enumerate(life):
        if number in crashes:
            call.crash()
        getattr(call, name)(*values)
        call.check()
    call.end()
    call.check_the_end()


WORKS: tuple[Work, ...] = (
    Gathering(4, 10.5, 3, "12", prompting=True, due_at=7.25),
    HangingUp(),
    Holding(),
    Leaving(),
    Meeting("dial_status", joined=True),
    Monitoring("name", LINK, MONITOR_URL),
    Recording("name", LINK, 60.0, beep=True, due_at=9.0),
    Saying((("dial_status", "answered"), ("dial_status", "twice"))),
    SendingDigits("1,2#", typing=True),
    Transferring(30.0, True, "call_status_dest2", 60.0, phase=Phase.JOINED, due_at=8.0),
    Unholding(),
)
"""Each, as it is in the middle of it: a new block gets its line here."""


def test_each_work_has_its_line_here() -> None:
    assert {type(work) for work in WORKS} == set(snapshot.works())


@pytest.mark.parametrize("work", WORKS, ids=lambda work: type(work).__name__)
def test_a_work_goes_on_where_it_was(work: Work) -> None:
    job = block(work, "some", tag="東京")
    call = replace(Life(begun(job)).call, job=job, state=State.RUNNING)
    found = again(call)
    assert found == call
    assert found.job
    assert type(found.job.work) is type(work)


def test_all_that_a_call_can_say_is_kept() -> None:
    """Not one field is at its default: what is forgotten shows."""
    lost = Life(CLOSING).then(MediaLost(1.0))
    assert lost == ()
    ended = Life((*begun(block(Saying(), "play")), MediaLost(9.0, Gone(8.0, 7.5)))).call
    url = urls.parse("http://App.Example:80/a?b=c#d")
    job = Job(
        7, "hangup", url, "t", True, True, True, 486, (("X-A", "1"), ("X-A", "2")), work=Saying()
    )
    assert ended.end
    call = Call(
        "S1",
        Contact("play", url, "t", (("digits", "1"),)),
        Limits(1.0, 2.0, 3.0, 0.25, 480),
        State.CLOSING,
        job,
        outgoing=True,
        held=True,
        typed="12#",
        untold=(("digits", "2"),),
        monitor=FORWARD,
        max_s=30.0,
        limited=True,
        acknowledged=True,
        due_at=1.5,
        held_due_at=2.5,
        expires_at=3.5,
        answered_at=0.1 + 0.2,
        end=replace(
            ended.end, sip_cause="a", sip_code=480, sip_reason="b", headers=(("X-B", "3"),)
        ),
    )
    found = again(call)
    assert found == call
    assert found.contact
    assert found.contact.url.text == url.text


def test_a_snapshot_is_small() -> None:
    """It is written with each change of a call."""
    assert len(json.dumps(snapshot.of(Life().call))) < 250


GOOD = snapshot.of(Life(begun(block(Gathering(4, 10.0, 2), "gather"))).call)
JOB: Any = GOOD["job"]


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {},
        {**GOOD, "v": 2},
        {**GOOD, "v": "1"},
        {**GOOD, "unknown": 1},
        {name: value for name, value in GOOD.items() if name != "session"},
        {**GOOD, "state": "asleep"},
        {**GOOD, "state": ["running"]},
        {**GOOD, "typed": 12},
        {**GOOD, "held": 1},
        {**GOOD, "answered_at": True},
        {**GOOD, "answered_at": "now"},
        {**GOOD, "limits": [1, 2]},
        {**GOOD, "limits": "1 2 3 4 five"},
        {**GOOD, "limits": "1 2 3 4 5.5"},
        {**GOOD, "limits": "1 2 3 4 5 6"},
        {**GOOD, "contact": {"block": "answer", "url": "file:///etc/passwd"}},
        {**GOOD, "contact": {"block": "answer", "url": 7}},
        {**GOOD, "untold": [["one"]]},
        {**GOOD, "untold": {"a": "b"}},
        {**GOOD, "job": 7},
        {**GOOD, "job": {**JOB, "work": 7}},
        {**GOOD, "job": {**JOB, "work": {"does": "nothing"}}},
        {**GOOD, "job": {**JOB, "work": {"does": ["gathering"]}}},
        {**GOOD, "job": {**JOB, "work": {"does": "gathering", "max_digits": 1.5}}},
    ],
)
def test_what_is_no_call_of_this_version_is_refused(found: object) -> None:
    with pytest.raises(SnapshotUnreadable):
        snapshot.restored(found)


def test_a_field_that_a_later_version_brings_has_its_default() -> None:
    """What was left out, or not there yet, when it was written."""
    assert snapshot.restored({**GOOD, "limits": "1 2.5"}).limits == Limits(1, 2.5)
    found = {name: value for name, value in GOOD.items() if name != "limits"}
    assert snapshot.restored(found).limits == Limits() != LIMITS
