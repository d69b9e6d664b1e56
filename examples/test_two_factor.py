"""The second factor."""

from collections.abc import Callable
from typing import Any

from onhook.simulator import Phone

PERSON = "+6591112222"
CERTAIN = "import secrets; secrets.randbelow = lambda bound: 47110"


def test_a_code_is_read_aloud_and_checked(phone: Phone, starts: Callable[..., Any]) -> None:
    sign_in = starts("two_factor.py", PERSON, before=CERTAIN)
    person = phone.answers(PERSON)
    person.hears("Your code is: 0, 4, 7, 1, 1, 0. I repeat: 0, 4, 7, 1, 1, 0.")
    person.is_hung_up_after("Good bye.")
    sign_in.types("47110")
    sign_in.types("047110")
    assert sign_in.ends()[-1] == "right"


def test_a_code_that_nobody_hears(phone: Phone, starts: Callable[..., Any]) -> None:
    sign_in = starts("two_factor.py", PERSON)
    phone.rings(PERSON).reject()
    assert sign_in.ends(code=1)[-1] == "the code was not heard: busy"
