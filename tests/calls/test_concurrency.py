"""How many calls an account may have."""

import pytest

from onhook.blocks import Refused
from onhook.calls.concurrency import CallsInProgress


def refusal(calls: CallsInProgress, account_id: str = "main") -> str:
    with pytest.raises(Refused) as caught:
        calls.make(account_id)
    assert caught.value.status == "error_concurrent_call_limit_reached"
    return caught.value.detail


def test_as_many_are_made_as_there_may_be() -> None:
    calls = CallsInProgress(2)
    first = calls.make("main")
    calls.make("main")
    assert "2 calls" in refusal(calls)
    calls.make("other")
    first.release()
    first.release()
    calls.make("main")
    refusal(calls)


def test_calls_that_come_in_are_counted_and_never_refused() -> None:
    calls = CallsInProgress(2)
    inside = [calls.came_in("main") for _ in range(3)]
    refusal(calls)
    for place in inside[:2]:
        place.release()
    calls.make("main")
    refusal(calls)


def test_passing_a_call_on_adds_none() -> None:
    """But an account that has more than it may have passes none on."""
    calls = CallsInProgress(2)
    inside = [calls.came_in("main") for _ in range(2)]
    calls.pass_on("main")
    calls.pass_on("main")
    inside.append(calls.came_in("main"))
    with pytest.raises(Refused, match="error_concurrent_call_limit_reached"):
        calls.pass_on("main")
    inside.pop().release()
    calls.pass_on("main")


def test_no_limit() -> None:
    calls = CallsInProgress(0)
    assert all(calls.make("main") for _ in range(50))
    calls.pass_on("main")
