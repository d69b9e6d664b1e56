"""The reminder."""

from collections.abc import Callable
from typing import Any

import pytest

from onhook.simulator import Phone

PATIENT = "+6591112222"


@pytest.mark.parametrize(
    ("key", "farewell", "outcome"),
    [
        ("1", "Thank you, we will see you then. Good bye.", "kept"),
        ("2", "We have cancelled it. Good bye.", "cancelled"),
    ],
)
def test_a_patient_answers(
    phone: Phone, starts: Callable[..., Any], key: str, farewell: str, outcome: str
) -> None:
    reminder = starts("appointment_reminder.py", PATIENT, "tomorrow at ten")
    patient = phone.answers(PATIENT)
    patient.hears("You have an appointment with us tomorrow at ten.")
    patient.hears("Press 1 to keep it, or 2 to cancel it.")
    patient.press(key)
    patient.is_hung_up_after(farewell)
    assert reminder.ends()[-1] == f"the appointment: {outcome}"


def test_a_busy_phone(phone: Phone, starts: Callable[..., Any]) -> None:
    phone.is_busy(PATIENT)
    reminder = starts("appointment_reminder.py", PATIENT, "tomorrow at ten")
    assert reminder.ends()[-1] == "the appointment: busy"
