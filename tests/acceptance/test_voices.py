"""Messages in other voices than the default one, heard by a caller."""

import numpy as np
import pytest

from acceptance.asking import OK, assert_refused
from acceptance.harness import Customer
from onhook.testing.call_log import How


@pytest.mark.parametrize(
    ("language", "gender", "text"),
    [
        ("zh-HK", "female", "多謝你嘅來電，再見。"),
        ("en", "male", "Thank you for calling. Good bye."),
    ],
)
async def test_a_message_is_heard_in_its_voice(
    customer: Customer, language: str, gender: str, text: str
) -> None:
    call, told = await customer.call()
    msg = f'<speech language="{language}" gender="{gender}">{text}</speech>'
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended(timeout_s=20)).how is How.BYE_RECEIVED
    heard = np.asarray(call.recording.pcm(), np.float64)
    assert 1 < len(heard) / 8000 < 8
    frames = heard[: len(heard) // 160 * 160].reshape(-1, 160)
    voiced = np.sqrt((frames**2).mean(axis=1)) > 300
    assert voiced.mean() > 0.4
    assert call.recording.lost == 0


async def test_text_in_a_script_that_the_voice_cannot_read(customer: Customer) -> None:
    msg = '<speech language="fr">請稍等</speech>'
    await assert_refused(customer, "error_msg_cannot_convert_text", msg=msg)


@pytest.mark.parametrize("language", ["ja", "th", "he", "my"])
async def test_a_language_that_is_not_offered_is_refused(customer: Customer, language: str) -> None:
    msg = f'<speech language="{language}">hello</speech>'
    await assert_refused(customer, "error_msg_invalid_language", msg=msg)
