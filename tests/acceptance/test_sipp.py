"""SIPp, a SIP implementation that is not ours, as the caller."""

import pytest

from acceptance.harness import Customer
from onhook.testing.receiver import Notification
from sipp_run import run_sipp

UNKNOWN = "+6599999998"


@pytest.mark.parametrize(
    ("scenario", "calls"),
    [
        ("server_bye", 10),
        ("repeated_invite", 3),
        ("late_ack", 3),
        ("caller_bye", 10),
        ("cancel_ringing", 10),
        ("unknown_number", 5),
        ("no_common_codec", 5),
        ("options", 5),
    ],
)
async def test_scenario(customer: Customer, scenario: str, calls: int) -> None:
    async def application(told: Notification) -> None:
        if told["call_state"] == "ringing" and scenario != "cancel_ringing":
            message = "Good bye." if scenario != "caller_bye" else "This takes a while. " * 5
            done = await customer.hangup(told["session"], msg=message)
            assert done["status"] == "success_ok"

    customer.receiver.handler = application
    number = UNKNOWN if scenario == "unknown_number" else customer.number
    result = await run_sipp(
        scenario, customer.server.sip, calls=calls, rate=10, number=number, timeout_s=40
    )
    assert result.passed, result.log
    assert result.ok == calls
