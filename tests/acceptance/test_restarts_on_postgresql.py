"""More of the same on PostgreSQL: tests that start servers of their own, which takes long."""

from collections.abc import Callable

import pytest

from acceptance.harness import Customer, Onhook
from acceptance.test_on_postgresql import start as start
from acceptance.test_operating import (
    test_a_notification_is_tried_again as test_a_notification_is_tried_again,
)
from acceptance.test_operating import (
    test_sigterm_lets_a_running_message_finish as test_sigterm_lets_a_running_message_finish,
)
from acceptance.test_operating import (
    test_what_was_not_delivered_goes_out_after_the_next_start as test_what_was_not_delivered_goes_out_after_the_next_start,  # noqa: E501
)
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

pytestmark = pytest.mark.slow


async def test_a_call_outlives_its_switch(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(retry_schedule="0.2")
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    await customer.block("middle/gather", told["session"], max_digits="2", timeout="600")
    await call.answered()
    await call.send_digits("1")
    await server.kill_role("switch")
    await call.send_digits("2")
    assert (await receiver.next(session=told["session"], ivr_block="gather"))["digits"] == "12"
    await customer.block("end/hangup", told["session"], msg="Good bye.")
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await receiver.next(session=told["session"], call_state="ended")
    assert (last["ended_by"], last["cause"]) == ("application", "hangup")
    assert call.complaints == []
