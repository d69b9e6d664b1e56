"""Text as it is spoken: money, dates, times, phone numbers and codes, in the words of a language.

The engines read plain numbers, and ordinals of their own language, as they should; what they misread
is written out for them here. How a language writes and names things is CLDR's knowledge (Babel).

    rule                        written                       spoken
    keys                        *, #, *123#                   star, pound, star 1 2 3 pound
    addresses                   www.acme.com, a@b.org         w w w dot acme dot com
    names                       No. 5, #05-67, ext. 12, 24/7  number 5, number 0 5, 6 7, extension 12
    codes                       4 8 2 9, code 123456, A1B2C3  digit by digit
    phone and account numbers   +65 6123 4567, 0123, 1234567  digit by digit, a pause between groups
    emergency numbers           911, 999, 112                 digit by digit
    money                       $12.50, SGD 12.50, 12,50 €    12 dollars and 50 cents
    dates                       2026-03-14, 14/03/2026        14 March 2026
    times                       17:05, 9:00-17:30             5 oh 5 PM, 9 AM to 5 30 PM
    grouped numbers             1,234,567.50 in German        1234567,50
    ranges                      5–10                          5 to 10
    percent                     50%                           百分之50

What languages call things stands in `vocabulary`; where an engine misreads large numbers or passes over
the decimal sign, they are written in words (`spoken_numbers`).

Digits are read one by one when they stand apart (`4 8 2 9`, `4-8-2-9`), follow a word such as *code*
or *PIN*, begin with a zero or a `+`, are seven or more without a separator, or are grouped as numbers
of telephones and cards are. Everything else stays as it is. Pure; never raises.

When equal text gets to be spoken otherwise, the recipe in `reader` is to be raised.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from onhook.speech.reading import (
    spoken_addresses,
    spoken_dates,
    spoken_digits,
    spoken_keys,
    spoken_money,
    spoken_names,
)
from onhook.speech.reading.tongue import WORD, Tongue, tongue
from onhook.speech.scripts import readable, written_in

Rule: TypeAlias = tuple["re.Pattern[str]", Callable[["re.Match[str]", Tongue], str | None]]
"""What is looked for, and how it is spoken; None leaves it as it is."""

# The first rule that applies to a stretch of text has it; what a rule wrote is not read again.
_RULES: Final[Sequence[Rule]] = (
    *spoken_addresses.RULES,
    *spoken_keys.RULES,
    *spoken_dates.RULES,
    *spoken_money.RULES,
    *spoken_names.RULES,
    *spoken_digits.RULES,
)

_LIKELY: Final = re.compile(r"[0-9*#]")
_WITHIN_WORD: Final = re.compile(f"[{WORD}]{{2}}")

# The engines spell full-width letters and digits by their code points.
_NARROW: Final[dict[int, int | str]] = {
    wide: wide - 0xFEE0
    for first, last in ((0xFF10, 0xFF19), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A))
    for wide in range(first, last + 1)
} | {ord("＊"): "*", ord("＃"): "#", ord("％"): "%", ord("＋"): "+", ord("－"): "-", ord("／"): "/"}
_BETWEEN_DIGITS: Final = re.compile(r"(?<=[0-9])[：．](?=[0-9])")


def spoken_form(text: str, tag: str) -> str:
    """`text` with what the voice of the language tag would misread written out."""
    text = _plain(text)
    if not (_LIKELY.search(text) or spoken_addresses.LIKELY.search(text)):
        return text
    language = tongue(tag)
    scripts = written_in(tag)
    pieces: list[tuple[str, bool]] = [(text, False)]
    for pattern, say in _RULES:
        pieces = [
            new
            for piece, done in pieces
            for new in (
                [(piece, done)] if done else _applied(piece, pattern, say, language, scripts)
            )
        ]
    return _joined(pieces)


def _applied(
    text: str,
    pattern: "re.Pattern[str]",
    say: Callable[["re.Match[str]", Tongue], str | None],
    language: Tongue,
    scripts: tuple[str, ...],
) -> Iterator[tuple[str, bool]]:
    start = 0
    for found in pattern.finditer(text):
        spoken = say(found, language)
        if spoken is None or not readable(spoken, scripts):
            continue
        yield text[start : found.start()], False
        yield spoken.replace("\u00a0", " ").replace("\u202f", " "), True
        start = found.end()
    yield text[start:], False


def _joined(pieces: Sequence[tuple[str, bool]]) -> str:
    """All of them, with a blank where a word would otherwise run into the next."""
    text = ""
    for piece, _ in pieces:
        if _WITHIN_WORD.fullmatch(text[-1:] + piece[:1]):
            text += " "
        text += piece
    return text


def _plain(text: str) -> str:
    """With narrow letters, and decimal digits of all scripts as 0 to 9."""
    text = text.translate(_NARROW)
    if text.isascii():
        return text
    text = _BETWEEN_DIGITS.sub(lambda sign: chr(ord(sign[0]) - 0xFEE0), text)
    return "".join(
        str(unicodedata.decimal(character))
        if not character.isascii() and unicodedata.category(character) == "Nd"
        else character
        for character in text
    )
