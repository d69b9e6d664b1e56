"""What a phone is told of why its call ends, from what ended it."""

import pytest

from onhook.call.ending import End, EndedBy
from onhook.calls.reasons import reason_of, reason_of_rejection


@pytest.mark.parametrize(
    ("cause", "sip_code", "q850"),
    [
        ("hangup", None, 16),
        ("forced_hangup", None, 16),
        ("ring_timeout", None, 19),
        ("media_lost", None, 27),
        ("transfer_failed", 486, 17),
        ("transfer_failed", None, 31),
        ("idle_timeout", None, 31),
        ("shutdown", None, 41),
        ("something new", None, 41),
    ],
)
def test_what_ended_a_call_has_a_cause_of_the_telephone_network(
    cause: str, sip_code: int | None, q850: int
) -> None:
    assert reason_of(End(0.0, EndedBy.SYSTEM, cause, sip_code=sip_code)).cause == q850


def test_a_rejection_goes_by_its_status_and_a_ring_that_was_too_long_does_not() -> None:
    assert reason_of_rejection(End(0.0, EndedBy.APPLICATION, "rejected"), 603).cause == 21
    assert reason_of_rejection(End(0.0, EndedBy.SYSTEM, "ring_timeout"), 480).cause == 19
