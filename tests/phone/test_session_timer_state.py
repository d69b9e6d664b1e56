"""The session timer as a state machine: each edge, and what holds whatever happens."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone.session_timer.state import (
    TABLE,
    Agreed,
    Ask,
    AskIn,
    Ended,
    Event,
    ExpireIn,
    ExpiryDue,
    GiveUp,
    RefreshDue,
    Refused,
    SessionTimer,
    Stop,
    TimerState,
    expire_after_s,
    step,
)
from onhook.phone.session_timer.terms import Terms

EVENTS: tuple[Event, ...] = (
    Agreed(Terms(90, ours=True)), Agreed(Terms(90, ours=False)), Agreed(None), RefreshDue(), ExpiryDue(),
    Refused(481), Refused(408), Refused(422, min_s=300), Refused(422), Refused(491, 1.0), Refused(500),
    Ended(),
)  # fmt: skip
REACHED = {
    TimerState.OFF: (),
    TimerState.OURS: EVENTS[:1],
    TimerState.ASKING: (EVENTS[0], RefreshDue()),
    TimerState.THEIRS: EVENTS[1:2],
    TimerState.OVER: (Ended(),),
}
OFF, OURS, ASKING, THEIRS, OVER = TimerState
EDGES: dict[tuple[type[Event], object], dict[TimerState, TimerState]] = {
    (Agreed, True): {OFF: OURS, OURS: OURS, ASKING: OURS, THEIRS: OURS},
    (Agreed, False): {OFF: THEIRS, OURS: THEIRS, ASKING: THEIRS, THEIRS: THEIRS},
    (Agreed, None): {OFF: OFF, OURS: OFF, ASKING: OFF, THEIRS: OFF},
    (RefreshDue, None): {OURS: ASKING},
    (ExpiryDue, None): {OURS: OVER, ASKING: OVER, THEIRS: OVER},
    (Refused, 408): {ASKING: OVER},
    (Refused, 481): {ASKING: OVER},
    (Refused, 300): {ASKING: ASKING},
    (Refused, 422): {ASKING: OURS},
    (Refused, 491): {ASKING: OURS},
    (Refused, 500): {ASKING: OURS},
    (Ended, None): {OFF: OVER, OURS: OVER, ASKING: OVER, THEIRS: OVER},
}


def _timer(state: TimerState) -> SessionTimer:
    timer = SessionTimer()
    for event in REACHED[state]:
        timer, _ = step(timer, event)
    assert timer.state is state
    return timer


def _kind(event: Event) -> tuple[type[Event], object]:
    match event:
        case Agreed(terms):
            return Agreed, terms and terms.ours
        case Refused():
            return Refused, event.min_s or event.status
    return type(event), None


@pytest.mark.parametrize("state", TimerState)
@pytest.mark.parametrize("event", EVENTS)
def test_every_edge(state: TimerState, event: Event) -> None:
    before = _timer(state)
    after, effects = step(before, event)
    following = EDGES[_kind(event)].get(state)
    assert after.state is (following or state)
    if following is None:
        assert (after, effects) == (before, ())


def test_every_handler_is_walked() -> None:
    walked = {(state, kind) for (kind, _), edges in EDGES.items() for state in edges}
    assert walked == set(TABLE)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(EVENTS),
            st.builds(
                Refused,
                st.integers(300, 699),
                st.none() | st.floats(0, 10_000),
                st.integers(0, 90_000),
            ),
            st.builds(Agreed, st.none() | st.builds(Terms, st.integers(90, 86_400), st.booleans())),
        ),
        max_size=60,
    )
)
def test_whatever_happens_the_call_is_given_up_once_and_in_time(events: list[Event]) -> None:
    """The clock is part of it: timers that were set run unless they are set anew or stopped."""
    timer = SessionTimer()
    given_up = 0
    expiry: float | None = None
    for event in events:
        before = timer
        timer, effects = step(timer, event)
        for effect in effects:
            assert before.state is not TimerState.OVER
            match effect:
                case Stop():
                    expiry = None
                case ExpireIn(wait_s):
                    expiry = wait_s
                    assert 0 < wait_s < timer.interval_s
                case AskIn(wait_s):
                    assert wait_s >= 0
                    assert timer.state is TimerState.OURS
                case Ask(interval_s, _):
                    assert interval_s >= before.interval_s
                    assert timer.state is TimerState.ASKING
                case GiveUp():
                    given_up += 1
        assert given_up <= 1
        assert (given_up == 1) <= (timer.state is TimerState.OVER)
        runs = timer.state in (TimerState.OURS, TimerState.ASKING, TimerState.THEIRS)
        assert runs == (
            expiry is not None
        )  # a session that is agreed always ends if nobody refreshes
        assert timer.terms is None or timer.terms.interval_s >= 90


def test_refusals_without_end_do_not_make_a_flood() -> None:
    timer, _ = step(SessionTimer(), Agreed(Terms(1800, ours=True)))
    waited, asked = 0.0, 0
    for _ in itertools.count():
        timer, _ = step(timer, RefreshDue())
        asked += 1
        timer, effects = step(timer, Refused(491, 0.0))
        waited += sum(effect.wait_s for effect in effects if isinstance(effect, AskIn))
        if waited > expire_after_s(1800):
            break
    assert asked < 30
