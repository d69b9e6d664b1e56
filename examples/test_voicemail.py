"""Voicemail."""

from collections.abc import Callable
from urllib.request import urlopen

import pytest

from onhook.simulator import Call, Phone


@pytest.fixture
def call(phone: Phone, serves: Callable[..., None]) -> Call:
    """Somebody who has heard the tone."""
    serves("voicemail.py")
    call = phone.call("+6531234567")
    call.hears("Please leave a message after the tone, and press hash.")
    call.hears("a beep")
    return call


def test_a_message_is_recorded_and_played_back(call: Call) -> None:
    call.says("This is Ann. Please call me back.")
    call.press("#")
    call.hears("You said:")
    link = call.notifications[1]["record_url"]
    call.hears(link)
    call.is_hung_up_after("Thank you. Good bye.")
    with urlopen(link) as recording:
        assert recording.headers["content-type"] == "audio/mpeg"


def test_a_caller_who_just_hangs_up(call: Call) -> None:
    call.says("This is Ann.")
    call.hang_up()
    last = call.notifications[-1]
    assert (last["call_state"], last["ivr_block"]) == ("ended", "record")
    assert last["record_url"].endswith(".mp3")
