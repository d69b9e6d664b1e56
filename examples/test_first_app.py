"""The first application."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from onhook.simulator import Phone


def test_a_caller_is_told_that_we_are_closed(
    phone: Phone, serves: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    serves("first_app.py")
    call = phone.call("+6531234567")
    call.is_hung_up_after("Thank you for calling. We are closed today. Good bye.")
    assert call.cost == Decimal("0.020")
    assert [told["ivr_block"] for told in call.notifications] == ["answer", "hangup"]
    assert "1 minute, SGD 0.020" in capsys.readouterr().out


def test_a_caller_who_hangs_up_in_the_middle(phone: Phone, serves: Callable[..., None]) -> None:
    serves("first_app.py")
    call = phone.call("+6531234567")
    call.begins_to_hear("Thank you for calling")
    call.hang_up()
    assert call.notifications[-1]["ended_by"] == "caller"
