"""One registration, whatever a registrar answers: it never stops trying, and never floods."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from onhook.phone.registration import machine as m
from onhook.phone.registration.backoff import (
    LONGEST_GRANT_S,
    LONGEST_RETRY_AFTER_S,
    SHORTEST_REFRESH_S,
    SLOW_S,
)

LONGEST_SILENCE_S = max(LONGEST_GRANT_S / 2, LONGEST_RETRY_AFTER_S, SLOW_S)


@dataclass
class Driven:
    """A registration in virtual time: what it sent, when, and what it told."""

    now_s: float = 0.0
    chance: float = 0.5
    registration: m.Registration = field(default_factory=m.Registration)
    sent: list[tuple[float, int]] = field(default_factory=list)
    told: list[m.Effect] = field(default_factory=list)
    due_s: float | None = None

    def happens(self, event: m.Event) -> "Driven":
        self.registration, effects = m.step(self.registration, event, self.now_s, self.chance)
        for effect in effects:
            match effect:
                case m.Ask(expires_s):
                    self.sent.append((self.now_s, expires_s))
                case m.Wait(delay_s):
                    self.due_s = self.now_s + delay_s
                case m.StopWaiting():
                    self.due_s = None
                case _:
                    self.told.append(effect)
        return self

    def until_due(self) -> "Driven":
        assert self.due_s is not None
        self.now_s, self.due_s = self.due_s, None
        return self.happens(m.Due())


answers = st.one_of(
    st.builds(m.Granted, st.integers(-1, 2**31)),
    st.builds(m.TooBrief, st.integers(0, 2**31)),
    st.builds(m.Refused, st.integers(300, 699), st.floats(0, 2**31)),
    st.just(m.Unanswered()),
)


@given(st.lists(st.tuples(answers, st.floats(0, 40), st.floats(0, 1)), max_size=60))
def test_it_never_stops_trying_and_never_floods(
    script: list[tuple[m.Event, float, float]],
) -> None:
    it = Driven().happens(m.Started())
    tries = [it.now_s]
    for answer, round_trip_s, it.chance in script:
        if it.registration.state is m.RegistrationState.ASKING:
            it.now_s += round_trip_s
            before = len(it.sent)
            it.happens(answer)
            if len(it.sent) > before:  # asked for longer, at once: once a try
                assert it.sent[-1][1] > it.sent[-2][1]
                it.happens(m.TooBrief(2**31))
                assert len(it.sent) == before + 1
        assert it.due_s is not None
        assert SHORTEST_REFRESH_S - 1e-6 <= it.due_s - it.now_s <= LONGEST_SILENCE_S + 1e-6
        it.until_due()
        assert it.registration.state is m.RegistrationState.ASKING
        tries.append(it.now_s)
    gaps = [later - sooner for sooner, later in pairwise(tries)]
    assert all(gap >= SHORTEST_REFRESH_S - 1e-6 for gap in gaps)


@given(st.lists(answers, max_size=20), st.booleans())
def test_it_can_always_be_removed(script: list[m.Event], late: bool) -> None:
    """And sends nothing any more once it is gone."""
    it = Driven().happens(m.Started())
    for answer in script:
        it.happens(answer)
        if it.due_s is not None:
            it.until_due()
    it.now_s += 1e6 if late else 0
    it.happens(m.Removed())
    if it.registration.state is m.RegistrationState.REMOVING:
        assert it.sent[-1][1] == 0
        it.happens(m.Unanswered())
    assert it.registration.state is m.RegistrationState.GONE
    assert (it.told[-1], it.due_s) == (m.TellGone(), None)
    before = len(it.sent)
    for event in (m.Due(), m.Started(), m.Granted(9), m.Removed(), m.Unanswered()):
        it.happens(event)
    assert len(it.sent) == before
    assert not it.registration.is_valid(it.now_s)


def test_it_is_refreshed_at_half_the_time_granted() -> None:
    it = Driven().happens(m.Started()).happens(m.Granted(60))
    assert (it.due_s, it.registration.until_s) == (30.0, 60.0)
    it.until_due().happens(m.Granted(3600))
    assert [when for when, _ in it.sent] == [0.0, 30.0]
    assert (it.due_s, it.registration.until_s) == (1830.0, 3630.0)


def test_a_refresh_that_fails_leaves_what_was_granted() -> None:
    it = Driven().happens(m.Started()).happens(m.Granted(60)).until_due()
    it.happens(m.Refused(503))
    assert it.registration.is_valid(59.9)
    assert not it.registration.is_valid(60.0)
    it.until_due().happens(m.Granted(60))
    assert it.registration.failures == 0


def test_failures_double_up_to_ten_minutes() -> None:
    it = Driven(chance=1.0).happens(m.Started())
    waits: list[float] = []
    for _ in range(10):
        it.happens(m.Refused(500))
        assert it.due_s is not None
        waits.append(it.due_s - it.now_s)
        it.until_due()
    assert waits == [4, 8, 16, 32, 64, 128, 256, 512, 600, 600]


def test_a_refusal_by_name_is_asked_about_seldom() -> None:
    for status in (401, 403, 404, 407, 420, 501, 603, 302):
        it = Driven(chance=0.0).happens(m.Started()).happens(m.Refused(status))
        assert it.due_s == SLOW_S / 2, status
    for status in (408, 480, 486, 500, 503, 504):
        it = Driven(chance=1.0).happens(m.Started()).happens(m.Refused(status))
        assert it.due_s == 4.0, status


def test_retry_after_is_honoured_within_an_hour() -> None:
    it = Driven().happens(m.Started()).happens(m.Refused(503, 120.0))
    assert it.due_s == 120.0
    it = Driven().happens(m.Started()).happens(m.Refused(503, 1e9))
    assert it.due_s == LONGEST_RETRY_AFTER_S


def test_too_brief_asks_for_longer_from_then_on() -> None:
    it = Driven().happens(m.Started()).happens(m.TooBrief(1800))
    it.happens(m.Granted(1800)).until_due()
    assert [expires_s for _, expires_s in it.sent] == [m.ASKED_S, 1800, 1800]


@given(st.integers(1, 7200), st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_a_registrar_that_closes_every_connection_is_not_flooded(
    granted_s: int, chances: list[float]
) -> None:
    it = Driven().happens(m.Started()).happens(m.Granted(granted_s))
    for number, it.chance in enumerate(chances):
        before_s, refresh_s = it.now_s, it.registration.refresh_s
        it.happens(m.FlowLost()).until_due()
        soonest_s = min(4.0 * 2 ** min(number, 7), 600) / 2
        assert it.now_s <= refresh_s + 1e-6
        assert it.now_s - before_s >= min(soonest_s, refresh_s - before_s) - 1e-6 or number > 0
        it.happens(m.Granted(granted_s))


def test_a_lost_connection_is_made_again_before_the_refresh() -> None:
    it = Driven(chance=1.0).happens(m.Started()).happens(m.Granted(600))
    it.now_s = 100.0
    it.happens(m.FlowLost()).until_due()
    assert it.sent[-1] == (104.0, m.ASKED_S)


def test_every_edge_leads_somewhere_else_or_does_something() -> None:
    for (state, kind), move in m.MOVES.items():
        event = kind(60) if kind in (m.Granted, m.TooBrief, m.Refused) else kind()  # type: ignore[call-arg]
        now, effects = move(m.Registration(state, until_s=1.0), event, 0.0, 0.5)
        assert effects or now.state is not state
