"""Numbers as trunks write them; the table that people read is tested with real calls."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onhook import numbers
from onhook.phone.identity import PhoneUser

DIALLED = st.text("0123456789+-.() *#a١", max_size=30)
COUNTRIES = st.sampled_from(["", "SG", "US", "GB", "DE", "IT", "AU", "JP"])


@given(DIALLED, st.sampled_from(["", "+65", "+1-914", "+"]), COUNTRIES)
def test_whatever_is_written_a_reading_is_a_number_in_e164(
    text: str, context: str, country: str
) -> None:
    found = numbers.callable_readings(PhoneUser(text, context), country)
    assert all(re.fullmatch(r"\+[1-9][0-9]{4,14}", number) for number in found)
    told = numbers.caller_number([PhoneUser(text, context)], country)
    assert told == text or told in found


@example("1640", "DE")  # a pager's number, in the plan of its country
@given(st.text("0123456789", min_size=1, max_size=4), COUNTRIES)
def test_an_extension_never_becomes_a_number(extension: str, country: str) -> None:
    assert numbers.caller_number([PhoneUser(extension)], country) == extension


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        # 0113 496 0000 is Leeds; 011 before a number is abroad, where it is no national number.
        ("01134960000", "GB", ("+441134960000",)),
        ("01114155552671", "", ("+14155552671",)),
        # Singapore's operators take 001, 008, 018 and the like before a number; 00 goes before.
        ("006591871234", "SG", ("+6591871234",)),
        ("018442079460958", "SG", ("+442079460958",)),
        # Whose national number is also a number with a country code: the country decides.
        ("4925551234", "", ("+4925551234",)),
        ("+006591871234", "", ("+6591871234",)),
        ("+999", "", ()),
        ("0", "SG", ()),
    ],
)
def test_readings_in_their_order(written: str, country: str, expected: tuple[str, ...]) -> None:
    assert numbers.readings(PhoneUser(written), country)[: len(expected) or None] == expected


@pytest.mark.parametrize(
    ("text", "country"),
    [("SG", "SG"), ("sg", "SG"), ("65", "SG"), ("+65", "SG"), ("1", "US"), ("44", "GB")],
)
def test_a_country_is_named_by_its_code_or_its_calling_code(text: str, country: str) -> None:
    assert numbers.country_of(text) == country


@pytest.mark.parametrize("text", ["XX", "Singapore", "999", "883", "0", "+", "６５", "-65"])
def test_what_is_no_country_is_none(text: str) -> None:
    assert numbers.country_of(text) is None


@given(DIALLED)
def test_what_can_be_called_is_a_number_that_says_its_country(text: str) -> None:
    found = numbers.dialable(text)
    assert found is None or found == numbers.e164(text)
    if found is not None:
        assert numbers.says_country(text)


@pytest.mark.parametrize(
    ("text", "number", "dialable"),
    [
        ("+65 6123-4567", "+6561234567", True),
        ("(+65) 6123.4567", "+6561234567", True),
        (" 6561234567", "+6561234567", True),
        ("006561234567", "+6561234567", True),
        ("6561234567", "+6561234567", False),
        ("+656123", "+656123", False),
        ("+0561234567", None, False),
        ("+1234567890123456", None, False),
        ("+6561234567;ext=1", None, False),
    ],
)
def test_there_is_one_rule_of_what_a_number_is(
    text: str, number: str | None, dialable: bool
) -> None:
    assert numbers.e164(text) == number
    assert numbers.dialable(text) == (number if dialable else None)


@pytest.mark.parametrize(
    ("number", "called"),
    [
        ("+4402079460958", "+442079460958"),
        ("+49030123456", "+4930123456"),
        ("+390612345678", "+390612345678"),  # in Italy the 0 is part of the number
        ("+6591234567", "+6591234567"),
        ("+99912345", "+99912345"),
    ],
)
def test_a_prefix_that_is_dialled_within_a_country_is_no_part_of_the_number(
    number: numbers.E164, called: str
) -> None:
    assert numbers.in_plan(number) == called


@pytest.mark.parametrize(
    ("number", "country", "dialled"),
    [
        ("+493012345678", "DE", "03012345678"),
        ("+4915112345678", "DE", "015112345678"),
        ("+6561234567", "DE", "006561234567"),
        ("+6561234567", "SG", "61234567"),
        ("+16502530000", "US", "6502530000"),
        ("+15062345678", "US", "5062345678"),  # Canada has the same calling code
        ("+493012345678", "US", "011493012345678"),
        ("+390612345678", "IT", "0612345678"),  # its 0 is part of the number
        ("+493012345678", "SG", "+493012345678"),  # several prefixes, of several carriers
        ("+88312345678", "DE", "0088312345678"),
    ],
)
def test_a_number_as_it_is_dialled_in_a_country(number: str, country: str, dialled: str) -> None:
    assert numbers.dialled_in(numbers.E164(number), country) == dialled
