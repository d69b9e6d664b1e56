"""Whether a phone was there when its call was hung up."""

import pytest

from onhook.calls import clock
from onhook.calls.presence import Presence
from onhook.media.stream import Signs
from onhook.phone.cause import SipCause

LEFT_S = 100.0
"""When the BYE left."""
NO_ANSWER, UNKNOWN, OK = SipCause(408), SipCause(481), SipCause(200)


def gone_since(
    answer: SipCause,
    heard_s: float | None,
    signalled_s: float | None = None,
    received_s: float | None = None,
) -> float | None:
    presence = Presence()
    with pytest.MonkeyPatch.context() as patched:
        if signalled_s is not None:
            patched.setattr(clock, "now_s", lambda: signalled_s)
            presence.signalled()
    presence.media(Signs(heard_s, received_s))
    assert presence.received_s == received_s
    return presence.gone_since(answer, LEFT_S)


@pytest.mark.parametrize("answer", [NO_ANSWER, UNKNOWN])
def test_whoever_fell_silent_and_does_not_answer_was_gone_since_then(answer: SipCause) -> None:
    assert gone_since(answer, 60.0) == 60.0
    assert gone_since(answer, 60.0, received_s=59.9) == 60.0


def test_a_sip_message_is_a_sign_too() -> None:
    assert gone_since(NO_ANSWER, 60.0, 75.0) == 75.0
    assert gone_since(NO_ANSWER, 60.0, 3.0) == 60.0


def test_a_phone_that_answers_was_there_however_silent() -> None:
    assert gone_since(OK, 60.0) is None
    assert gone_since(SipCause(500), 60.0) is None


def test_a_bye_that_crossed_ours_is_an_answer_whatever_its_reason_says() -> None:
    assert gone_since(UNKNOWN, 60.0, LEFT_S + 0.01) is None


@pytest.mark.parametrize("heard_s", [LEFT_S - 0.9, LEFT_S])
def test_a_phone_that_was_heard_until_the_bye_was_there(heard_s: float) -> None:
    assert gone_since(NO_ANSWER, heard_s) is None


def test_of_a_phone_that_never_sent_audio_nobody_knows() -> None:
    assert gone_since(NO_ANSWER, None) is None
    assert gone_since(NO_ANSWER, None, 50.0) is None
