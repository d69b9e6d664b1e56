import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.testing import VirtualClock


def test_nothing_runs_by_itself() -> None:
    clock, ran = VirtualClock(), list[str]()
    clock.call_later(0, ran.append, "now")
    assert ran == []
    clock.advance(0)
    assert ran == ["now"]


def test_timers_run_in_order_each_at_its_own_moment() -> None:
    clock, ran = VirtualClock(100.0), list[tuple[str, float]]()
    for name, delay in (("c", 3.0), ("a", 1.0), ("b", 1.0), ("d", 3.5)):
        clock.call_later(delay, lambda name=name: ran.append((name, clock.now())))
    clock.advance(3.0)
    assert ran == [("a", 101.0), ("b", 101.0), ("c", 103.0)]
    assert clock.now() == 103.0
    assert clock.pending() == 1
    assert clock.next_due() == 103.5


def test_a_timer_set_by_a_timer_runs_in_the_same_advance() -> None:
    clock, ran = VirtualClock(), list[float]()

    def again() -> None:
        ran.append(clock.now())
        clock.call_later(10, again)

    clock.call_later(10, again)
    clock.advance(35)
    assert ran == [10, 20, 30]


def test_a_cancelled_timer_does_not_run_even_if_cancelled_by_another() -> None:
    clock, ran = VirtualClock(), list[str]()
    second = clock.call_later(2, ran.append, "second")
    clock.call_later(1, second.cancel)
    clock.advance(5)
    assert ran == []
    assert second.cancelled()
    assert clock.pending() == 0
    assert clock.next_due() is None


def test_an_exception_passes_and_the_rest_is_still_due() -> None:
    clock, ran = VirtualClock(), list[str]()

    def fail() -> None:
        raise LookupError

    clock.call_later(1, fail)
    clock.call_later(2, ran.append, "later")
    with pytest.raises(LookupError):
        clock.advance(10)
    assert clock.now() == 1
    clock.advance(1)
    assert ran == ["later"]


def test_advance_to_next_goes_from_timer_to_timer() -> None:
    clock = VirtualClock()
    clock.call_later(86_400, lambda: None)
    assert clock.advance_to_next()
    assert clock.now() == 86_400
    assert not clock.advance_to_next()


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_time_does_not_go_backwards_or_nowhere(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        VirtualClock().advance(value)


def test_a_delay_is_a_number() -> None:
    with pytest.raises(ValueError, match="finite"):
        VirtualClock().call_later(float("nan"), lambda: None)


@given(st.lists(st.floats(0, 100)), st.lists(st.floats(0, 50), max_size=8))
def test_steps_do_not_matter(delays: list[float], steps: list[float]) -> None:
    """However time is cut into steps, the same timers run in the same order."""
    clock, ran = VirtualClock(), list[int]()
    for n, delay in enumerate(delays):
        clock.call_later(delay, ran.append, n)
    for step in [*steps, 0.0]:
        clock.advance(step)
    due = [n for n, delay in enumerate(delays) if delay <= clock.now()]
    assert ran == sorted(due, key=lambda n: delays[n])
