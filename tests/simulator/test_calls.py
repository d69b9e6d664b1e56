"""Calls of a simulator to a small application, as its author would test them."""

import os
import time
from collections.abc import Iterator
from decimal import Decimal
from unittest import mock

import pytest

from onhook.simulator import Phone, Simulator
from simulator.ivr import menu

NUMBER, OFFICE = "+6531234567", "+6561112222"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as one:
        one.serve(menu)
        with mock.patch.dict(os.environ, one.environment):
            yield one


@pytest.fixture
def phone(simulator: Simulator) -> Phone:
    simulator.begin_anew()
    return Phone(simulator)


def test_a_caller_hears_the_hours_and_is_hung_up_on(phone: Phone) -> None:
    call = phone.call(NUMBER)
    call.hears("Press 1 or 2")
    call.press("2")
    call.hears("from nine to six")
    call.is_hung_up_after("Good bye.")
    assert call.cost == Decimal("0.020")


def test_a_wrong_expectation_tells_the_story(phone: Phone) -> None:
    call = phone.call(NUMBER)
    with pytest.raises(AssertionError) as failed:
        call.hears("Press 3", within_s=10)
    said = str(failed.value)
    assert said.startswith('+6591110000 did not hear "Press 3" within 10 s.')
    assert 'hears "Welcome. Press 1 or 2."' in said
    assert "is told of answer: call_state ringing" in said


def test_an_expectation_of_a_call_that_is_over_fails_at_once(phone: Phone) -> None:
    call = phone.call(NUMBER)
    call.hears("Welcome")
    call.hang_up()
    with pytest.raises(AssertionError, match="the call is over"):
        call.hears("Welcome")


def test_notifications_stand_in_their_order(phone: Phone) -> None:
    call = phone.call(NUMBER)
    call.hears("Welcome")
    call.press("9")
    call.is_hung_up_after("Good bye")
    told = call.notifications
    assert [one["ivr_block"] for one in told] == ["answer", "gather", "hangup"]
    assert told[1]["digits"] == "9"
    assert (told[2]["call_state"], told[2]["tag"]) == ("ended", "regular")
    assert all(one.delivered for one in told)


def test_a_key_interrupts_what_is_said(phone: Phone) -> None:
    call = phone.call(NUMBER)
    call.begins_to_hear("Welcome")
    call.waits(0.5)
    call.press("2")
    call.hears("nine to six")
    assert "cut off after 0.5 of" in call.heard[0]


def test_five_minutes_take_a_moment_and_cost_five_minutes(phone: Phone) -> None:
    phone.answers_by_itself(OFFICE, after_s=7)
    call = phone.call(NUMBER)
    call.hears("Welcome")
    call.press("1")
    call.hears("the ring back")
    office = phone.rings(OFFICE)
    office.is_answered()
    began_s = time.monotonic()
    call.waits(300)
    assert time.monotonic() - began_s < 60, "nobody has waited for them"
    office.says("Hello, office here.")
    call.hears("office here")
    office.hang_up()
    call.is_hung_up()
    assert 300 < call.duration_s < 330
    assert call.cost == Decimal("0.020") * 2 * 6


@pytest.mark.parametrize("failure", ["busy", "refused", "nobody", "withdrawn"])
def test_the_office_does_not_answer(phone: Phone, failure: str) -> None:
    if failure == "busy":
        phone.is_busy(OFFICE)
    elif failure == "refused":
        phone.refuses(OFFICE, 603)
    call = phone.call(NUMBER)
    call.hears("Welcome")
    call.press("1")
    if failure == "withdrawn":
        phone.rings(OFFICE).reject(480)
    elif failure == "nobody":
        phone.rings(OFFICE).is_hung_up()
    call.is_hung_up_after("Nobody is there.")


def test_a_caller_gives_up_before_and_after_the_answer(phone: Phone) -> None:
    call = phone.call(NUMBER)
    call.hang_up()
    call = phone.call(NUMBER)
    call.begins_to_hear("Welcome")
    call.hang_up()
    assert call.notifications[-1]["call_state"] == "ended"


def test_a_webhook_that_fails_is_asked_again(phone: Phone) -> None:
    phone.webhook_answers(500, 503)
    call = phone.call(NUMBER)
    call.hears("Welcome")
    told = call.notifications
    assert [one.status for one in told] == [500, 503, 200]
    assert len({one.notification_id for one in told}) == 1


def test_a_webhook_that_is_dead_until_the_caller_gives_up(phone: Phone) -> None:
    phone.webhook_is_dead(times=20)
    call = phone.call(NUMBER)
    call.is_rejected()


def test_a_slow_webhook_is_told_again(phone: Phone) -> None:
    phone.webhook_is_slow(20)
    call = phone.call(NUMBER)
    call.hears("Welcome")
    call.waits(30)
    assert [one.status for one in call.notifications][:2] == [None, 200]


def test_what_an_earlier_test_left_to_be_told_takes_no_trouble(
    simulator: Simulator, phone: Phone
) -> None:
    phone.webhook_is_dead(times=20)
    before = phone.call(NUMBER)
    before.is_rejected()
    simulator.begin_anew()
    phone.webhook_is_slow(20)
    before.waits(60)
    call = phone.call(NUMBER)
    call.hears("Welcome")
    call.waits(30)
    assert [one.status for one in call.notifications][:2] == [None, 200]


def test_without_credit_nobody_is_let_in(phone: Phone) -> None:
    phone.has_credit("0.000")
    phone.call(NUMBER).is_rejected()


def test_credit_ends_a_call(phone: Phone) -> None:
    phone.has_credit("0.050")
    phone.answers_by_itself(OFFICE)
    call = phone.call(NUMBER)
    call.hears("Welcome")
    call.press("1")
    call.is_hung_up(within_s=600)
    assert call.cost <= Decimal("0.050")
