"""Phone numbers, as people, requests and trunks write them, in E.164. Pure.

There is one rule of what a number is, :data:`E164`, and everything that is read here ends in it. The
readers differ in what may be left out: :func:`e164` takes a number without its ``+``, :func:`dialable`
is for one that is to be called, and :func:`readings` for what a trunk wrote. That says who calls whom as
its country does: with ``+``, with an international prefix, with a country code and nothing before it, or
as a national number; docs/numbers.md has the table.
"""

import re
from collections.abc import Callable, Iterable
from typing import NewType, Protocol, TypeGuard

import phonenumbers
from phonenumbers import PhoneNumber

E164 = NewType("E164", str)
"""A number: ``+``, country code, national number; 5 to 15 digits in all (ITU-T E.164, 6.2). Only this module
makes one."""

_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
_DIGITS = re.compile(r"\+?[0-9]{1,20}")
_BETWEEN = str.maketrans("", "", " -.()")
_EXTENSION_DIGITS = 4
_NON_GEOGRAPHIC = "001"
"""What the library calls the country of a code that belongs to none, such as +883."""


class Written(Protocol):
    """A number as a trunk wrote it, and the global prefix of its phone-context (RFC 3966 5.1.5)."""

    @property
    def text(self) -> str:
        """What it wrote."""

    @property
    def context(self) -> str:
        """``+`` and digits, or nothing."""


def country_of(text: str) -> str | None:
    """The ISO 3166-1 code of a country that is given by it, or by its calling code; None for neither.

    A calling code of several countries stands for the one whose plan it is: 1 is ``US``, 44 ``GB``.
    """
    code = text.removeprefix("+")
    if code.isascii() and code.isdigit() and len(code) <= 3:
        region = phonenumbers.region_code_for_country_code(int(code))
        return None if region in (phonenumbers.UNKNOWN_REGION, _NON_GEOGRAPHIC) else region
    region = text.upper()
    return region if region in phonenumbers.SUPPORTED_REGIONS else None


def calling_code(country: str) -> str:
    """The calling code of a country (ISO 3166-1) with its ``+``; empty for what is none."""
    code = phonenumbers.country_code_for_region(country)
    return f"+{code}" if code else ""


def country_of_number(number: str) -> str:
    """The country (ISO 3166-1) whose plan a number in E.164 belongs to; empty where there is none."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ""
    return "" if region in (None, _NON_GEOGRAPHIC) else region


def readings(written: Written, country: str = "") -> tuple[E164, ...]:
    """What a number that came by SIP can mean, in E.164, the likeliest first; nothing for what is none.

    Of numbers without ``+`` only those count that exist in their country's plan, and have five digits or a
    ``phone-context``: an extension is not to become somebody's number, and some plans have pagers of four
    digits. ``country`` (ISO 3166-1) is whose national numbers these may be.
    """
    text = written.text.translate(_BETWEEN)
    if not _DIGITS.fullmatch(text):
        return ()
    if text.startswith("+") and not text.startswith("+00"):
        return _each_once([_checked(text)])
    text = text.removeprefix("+")
    if len(text) <= _EXTENSION_DIGITS and not written.context:
        return ()
    found: list[E164 | None] = []
    if written.context:
        found.append(_parsed(written.context + text, None, phonenumbers.is_possible_number))
    if text.startswith("00"):
        found.append(_parsed("+" + text[2:], None, phonenumbers.is_valid_number))
    if country:
        found.append(_parsed(text, country, phonenumbers.is_valid_number))
    if not text.startswith("0"):
        found.append(_parsed("+" + text, None, phonenumbers.is_valid_number))
    if text.startswith("011"):
        found.append(_parsed("+" + text[3:], None, phonenumbers.is_valid_number))
    if text.startswith("00"):
        found.append(_parsed("+" + text[2:], None, phonenumbers.is_possible_number))
    return _each_once(found)


def callable_readings(written: Written, country: str = "") -> tuple[E164, ...]:
    """As `readings`; behind them what is less likely, but may be a number that is known here."""
    text = written.text.translate(_BETWEEN)
    national = country and _DIGITS.fullmatch(text) and not text.startswith("+")
    lenient = _parsed(text, country, phonenumbers.is_possible_number) if national else None
    return _each_once([*readings(written, country), lenient, e164(text)])


def caller_number(users: Iterable[Written], country: str = "") -> str:
    """The first identity that is a number, in E.164; if none is, the first as it came."""
    users = tuple(users)
    for user in users:
        if found := readings(user, country):
            return found[0]
    return users[0].text if users else ""


def form_of(written: Written) -> str:
    """How a number was written, for a log: without the number."""
    text = written.text.translate(_BETWEEN)
    if not _DIGITS.fullmatch(text):
        return "no number" if text else "nothing"
    before = next((prefix for prefix in ("+", "00", "011") if text.startswith(prefix)), "")
    form = f"{len(text) - len(before)} digits{f' behind {before}' if before else ''}"
    return f"{form}, phone-context" if written.context else form


def e164(text: str) -> E164 | None:
    """The number with ``+`` and country code; None for what cannot be one.

    The ``+`` may be missing, or be an international prefix ``00``. A leading blank is a ``+`` that was
    not percent-encoded (reference, section 1).
    """
    plain = _plain(text)
    return _checked(plain if plain.startswith("+") else f"+{plain}")


def dialable(text: str) -> E164 | None:
    """A number to be called; None for what is none.

    It has to say its country: a leading ``+``, the blank that an unescaped ``+`` becomes, or ``00``. One
    without would ring somewhere, but not where it was meant to. And it has as many digits as numbers of
    its country can have.
    """
    number = _checked(_plain(text))
    return number if number is not None and is_possible(number) else None


def is_e164(text: str) -> TypeGuard[E164]:
    """Whether it is a number as it stands."""
    return _checked(text) is not None


def says_country(text: str) -> bool:
    """Whether it begins as a number does that names its country, whatever follows."""
    return _plain(text).startswith("+")


def is_possible(number: E164) -> bool:
    """Whether numbers of its country can have as many digits."""
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def in_plan(number: E164) -> E164:
    """The number as others call it: without the prefix that is dialled within its country only, as in
    ``+44 (0)20 7946 0958``. As it is where the plan of its country does not know it."""
    return _parsed(number, None, phonenumbers.is_possible_number) or number


def dialled_in(number: E164, country: str) -> str:
    """The number as it is dialled within a country (ISO 3166-1): one of its calling code as a national
    number, any other behind the prefix for calls abroad; with its ``+`` where there is no one such prefix."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    if f"+{parsed.country_code}" == calling_code(country):
        text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    else:
        text = phonenumbers.format_out_of_country_calling_number(parsed, country)
    digits = "".join(char for char in text if char.isdigit())
    return number if text.startswith("+") or not digits.isascii() else digits


def _plain(text: str) -> str:
    """Without what people put between digits; with a ``+`` for what stands for one."""
    if text.startswith(" "):
        text = "+" + text[1:]
    text = text.translate(_BETWEEN)
    return "+" + text[2:] if text.startswith("00") else text


def _checked(text: str) -> E164 | None:
    """The one rule."""
    return E164(text) if _E164.fullmatch(text) else None


def _parsed(text: str, country: str | None, accepted: Callable[[PhoneNumber], bool]) -> E164 | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not accepted(number):
        return None
    return _checked(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _each_once(found: Iterable[E164 | None]) -> tuple[E164, ...]:
    return tuple(dict.fromkeys(number for number in found if number is not None))
