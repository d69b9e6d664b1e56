"""Which calls somebody means: the words of `onhook calls find` and `list`, and of the console's search."""

from onhook import numbers
from onhook.calls.story.moments import Moment
from onhook.calls.why import CAUSES
from onhook.store import CallRecord

_LEAST_DIGITS = 4
OF_A_DAY = 10_000
"""So many calls of a day are looked through for those that are near to a moment of it."""
OUTCOMES = ("answered", "missed", *sorted(CAUSES))


class BadSearch(ValueError):
    """What was asked for cannot be looked for; it says why in a sentence."""


def number_wanted(text: str) -> str:
    """A number as the store is asked for it: in E.164, or its last digits.

    A customer says ``9123 4567`` where the record has ``+6591234567``. Raises :class:`BadSearch`.
    """
    if numbers.says_country(text):
        number = numbers.e164(text)
        if number is None:
            raise BadSearch(f"{text[:40]!r} is not a phone number in E.164, such as +6531234567.")
        return number
    digits = "".join(char for char in text if char.isdecimal() and char.isascii()).lstrip("0")
    if len(digits) < _LEAST_DIGITS:
        raise BadSearch(
            f"{text[:40]!r} is no number: give it in E.164, such as +6531234567, or its last digits, "
            f"{_LEAST_DIGITS} at the least."
        )
    return digits


def away_ms(call: CallRecord, moment: Moment) -> int:
    """From a moment to the nearer of a call's begin and end; what goes on has its end to come."""
    ends = [call.began_ms, *([] if call.ended_ms is None else [call.ended_ms])]
    return min((moment.away_ms(at_ms) for at_ms in ends), key=abs)


def trunk_of(call: CallRecord) -> str:
    """The trunk that a call came or left by; of one that is being made, the first of those it goes by now."""
    known = call.facts.trunk or dict(call.facts.always).get("trunk", "")
    live = [str(one.get("trunk", "")) for one in call.dialog.several]
    return known or (live[0] if live and call.direction == "out" else "")
