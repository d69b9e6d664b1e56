"""Call forwarding, as it is written without and with the kit."""

from collections.abc import Callable

import pytest

from onhook.simulator import Call, Phone

OFFICE, MOBILE = "+6561112222", "+6593334444"

pytestmark = pytest.mark.parametrize("edition", ["plain", "kit"], indirect=True)


@pytest.fixture
def call(phone: Phone, serves: Callable[..., None]) -> Call:
    """Somebody who has called, and heard that he is put through."""
    serves("call_forwarding.py", OFFICE=OFFICE, MOBILE=MOBILE)
    call = phone.call("+6531234567")
    call.hears("One moment.")
    return call


def test_the_office_takes_it(phone: Phone, call: Call) -> None:
    office = phone.answers(OFFICE)
    office.says("The office, good morning.")
    call.hears("The office, good morning.")
    office.hang_up()
    call.is_hung_up()


def test_nobody_in_the_office(phone: Phone, call: Call) -> None:
    phone.rings(OFFICE).is_hung_up()
    mobile = phone.answers(MOBILE)
    call.says("Hello?")
    mobile.hears("Hello?")
    mobile.hang_up()
    call.is_hung_up()


def test_nobody_at_all(phone: Phone, call: Call) -> None:
    phone.is_busy(MOBILE)
    phone.rings(OFFICE).reject()
    call.hears("Nobody can take your call. Please leave a message.")
    call.hears("a beep")
    call.says("This is Ann. Please call me back.")
    call.press("#")
    call.is_hung_up_after("Thank you. Good bye.")
    links = [told["record_url"] for told in call.notifications if told.get("record_url")]
    assert len(links) == 1
