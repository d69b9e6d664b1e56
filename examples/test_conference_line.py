"""The conference line."""

from collections.abc import Callable

from onhook.simulator import Call, Phone


def joins(phone: Phone, caller: str, digits: str) -> Call:
    """Somebody who types the number of a conference."""
    call = phone.call("+6531234567", caller=caller)
    call.hears("Please type the number of your conference, and then hash.")
    call.press(digits)
    call.hears("You are in.")
    return call


def test_callers_who_type_the_same_number_hear_one_another(
    phone: Phone, serves: Callable[..., None]
) -> None:
    serves("conference_line.py")
    ann = joins(phone, "+6591110001", "77#")
    ben = joins(phone, "+6591110002", "77#")
    stranger = joins(phone, "+6591110003", "78#")
    ann.says("Hello everybody.")
    ben.hears("Hello everybody.")
    ben.says("Hello Ann.")
    ann.hears("Hello Ann.")
    assert not any("Hello" in heard for heard in stranger.heard)
    ann.hang_up()
    ben.hang_up()
    assert ben.notifications[-1]["call_state"] == "ended"


def test_the_ninth_member_is_told_that_it_is_full(
    phone: Phone, serves: Callable[..., None]
) -> None:
    serves("conference_line.py")
    for number in range(8):
        joins(phone, f"+659111000{number}", "77#")
    ninth = phone.call("+6531234567")
    ninth.hears("Please type")
    ninth.press("77#")
    ninth.is_hung_up_after("This conference is full, or has no such number. Good bye.")
