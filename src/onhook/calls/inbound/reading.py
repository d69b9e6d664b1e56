"""How the numbers of a call that comes in are read: as its trunk writes them. Pure.

==================  ==============================================================================
``national:CC``     a number that does not name its country is one of CC
``e164``            it has its country code, and nothing in front; else one of ``--country``
``plus``, no trunk  one of ``--country``; else it has its country code
==================  ==============================================================================

Whatever the format, a number with ``+`` or an international prefix is what it says.
"""

from collections.abc import Iterable

from onhook import numbers
from onhook.numbers import E164, Written
from onhook.phone.trunk import Trunk
from onhook.phone.trunks.number_format import country_of_format


def countries(trunk: Trunk | None, country: str) -> tuple[str, ...]:
    """In which countries (ISO 3166-1) a number is looked for, one after the other; the empty one reads what
    names its country only."""
    written = trunk.number_format if trunk is not None else ""
    if own := country_of_format(written):
        return (own,)
    return ("", country) if written == "e164" and country else (country,)


def called_readings(called: Written, trunk: Trunk | None, country: str) -> tuple[E164, ...]:
    """What the called number can mean, the likeliest first."""
    found = (
        number
        for each in countries(trunk, country)
        for number in numbers.callable_readings(called, each)
    )
    return tuple(dict.fromkeys(found))


def caller_number(users: Iterable[Written], trunk: Trunk | None, country: str) -> str:
    """Who calls, in E.164; as it came where it is no number."""
    written = tuple(users)
    for each in countries(trunk, country):
        number = numbers.caller_number(written, each)
        if numbers.is_e164(number):
            return number
    return numbers.caller_number(written, country)
