"""A number as a trunk wants it written: `plus`, `e164` or `national:CC`. Pure."""

from onhook import numbers
from onhook.numbers import E164


def country_of_format(number_format: str) -> str:
    """The country (ISO 3166-1) whose national numbers the trunk writes; empty for none."""
    kind, _, country = number_format.partition(":")
    return (numbers.country_of(country) or "") if kind == "national" else ""


def written(number: E164, number_format: str) -> str:
    """`+6561234567` as the trunk writes it.

    `plus`: as it is; `e164`: 6561234567; `national:65`: 61234567, and a number of another country as one
    dials it from there, 00493012345. Where a country has no one way to dial abroad, the `+` stays.
    """
    if number_format == "e164":
        return number.removeprefix("+")
    country = country_of_format(number_format)
    return numbers.dialled_in(number, country) if country else number
