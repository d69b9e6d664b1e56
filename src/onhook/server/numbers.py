"""Phone numbers, as people and trunks write them, in E.164. Pure."""

import re

import phonenumbers

_INTERNATIONAL = re.compile(r"\+?[1-9][0-9]{4,14}")
_BETWEEN = str.maketrans("", "", " -.()")


def e164(text: str) -> str | None:
    """The number with ``+`` and country code; None for what cannot be one.

    A trunk may leave out the ``+`` or write an international prefix ``00``. A leading blank is a
    ``+`` that was not percent-encoded (reference, section 1).
    """
    if text.startswith(" "):
        text = "+" + text[1:]
    text = text.translate(_BETWEEN)
    if text.startswith("00"):
        text = "+" + text[2:]
    if not _INTERNATIONAL.fullmatch(text):
        return None
    return text if text.startswith("+") else f"+{text}"


def dialable(text: str) -> str | None:
    """A number to be called, in E.164; None for what is none.

    It has to say its country: a leading ``+``, the blank that an unescaped ``+`` becomes, or ``00``. One
    without would ring somewhere, but not where it was meant to.
    """
    number = e164(text)
    if number is None or not text.startswith(("+", " ", "00")):
        return None
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(parsed) else None
