"""The auto-attendant, as it is written without and with the kit."""

from collections.abc import Callable

import pytest

from onhook.simulator import Call, Phone

OFFICE = "+6561112222"

pytestmark = pytest.mark.parametrize("edition", ["plain", "kit"], indirect=True)


@pytest.fixture
def call(phone: Phone, serves: Callable[..., None]) -> Call:
    """Somebody who has called, and heard the menu."""
    serves("auto_attendant.py", OFFICE=OFFICE)
    call = phone.call("+6531234567")
    call.hears("Welcome. Press 1 for the office, or 2 for our opening hours.")
    return call


def test_a_caller_is_joined_to_the_office(phone: Phone, call: Call) -> None:
    call.press("1")
    call.hears("One moment.")
    office = phone.answers(OFFICE)
    office.says("The office, good morning.")
    call.hears("The office, good morning.")
    call.says("Is my parcel there?")
    office.hears("Is my parcel there?")
    office.hang_up()
    call.is_hung_up()


def test_the_hours_and_the_menu_once_more(call: Call) -> None:
    call.press("2")
    call.hears("We are open on weekdays from nine to six, and on Saturdays until noon.")
    call.hears("Press 1 for the office")
    call.press("7")
    call.is_hung_up_after("Sorry, that is not on the menu. Good bye.")


def test_a_caller_who_presses_nothing_hears_the_menu_three_times(call: Call) -> None:
    call.hears("Press 1 for the office")
    call.hears("Press 1 for the office")
    call.is_hung_up_after("Sorry, that is not on the menu. Good bye.")


def test_the_office_is_busy(phone: Phone, call: Call) -> None:
    phone.is_busy(OFFICE)
    call.press("1")
    call.is_hung_up_after("Nobody can take your call now. Please try again later.")


def test_the_office_does_not_answer(phone: Phone, call: Call) -> None:
    call.press("1")
    phone.rings(OFFICE).is_hung_up()
    call.is_hung_up_after("Nobody can take your call now. Please try again later.")
