"""The keys `*` and `#` in the words of a language, the codes that they are part of, and `#` for a number."""

import re
from typing import Final

from onhook.speech.reading.spoken_digits import one_by_one
from onhook.speech.reading.tongue import WORD, Tongue
from onhook.speech.reading.vocabulary import UNSPACED, words

_LETTER: Final = "A-Za-z_\u00c0-\u024f"

_KEYS: Final = re.compile(rf"(?<![{_LETTER}*#\d])\d*[*#][*#\d]*(?![{_LETTER}*#\d])")
_NUMBER: Final = re.compile(rf"(?<![{WORD}*#])#([A-Z]?\d+(?:-\d+)*)(?![{WORD}*#]|[.,]\d|-\d)")
# A run is never read as several (possessive): there are more ways to do that than can be tried.
_MASK: Final = re.compile(rf"(?<![{_LETTER}*#\d])(?:[*#]{{3,}}+[ -]?)+(\d*)(?![{_LETTER}*#])")
_BOLD: Final = re.compile(r"(?<![\d*#])\*\*(?![\d*#])")
_PARTS: Final = re.compile(r"[*#]|\d+")


def _keys(found: "re.Match[str]", language: Tongue) -> str | None:
    """`*` or `#` alone, or with digits: then it is a code, such as `*123#`."""
    named = words(language.tag)
    if named is None:
        return None
    spoken = [
        {"*": named.star, "#": named.pound}.get(part) or " ".join(part)
        for part in _PARTS.findall(found[0])
    ]
    following = found.string[found.end() :][:1]
    if following and spoken and spoken[-1].endswith(following):
        spoken[-1] = spoken[-1][:-1]  # "#号键": the text names half of it
    if language.language in UNSPACED:
        return "".join(spoken)
    return _with_blanks(found, " ".join(spoken))


def _with_blanks(found: "re.Match[str]", spoken: str) -> str:
    """With a blank where a letter or digit would touch it, of whatever script."""
    text = found.string
    before, after = text[: found.start()][-1:], text[found.end() :][:1]
    return f"{' ' * before.isalnum()}{spoken}{' ' * after.isalnum()}"


def _mask(found: "re.Match[str]", language: Tongue) -> str | None:
    """`**** 1234`: what is hidden, or a line that is drawn, is silent."""
    return None if words(language.tag) is None else " ".join(found[1])


def _bold(_found: "re.Match[str]", language: Tongue) -> str | None:
    """`**Note**`: nobody says that it is set bold."""
    return None if words(language.tag) is None else ""


def _number(found: "re.Match[str]", language: Tongue) -> str | None:
    """`#5` is number 5; digits in groups, or behind a zero, are read one by one."""
    named = words(language.tag)
    if named is None:
        return None
    text = found[1]
    groups = text.split("-")
    if len(groups) > 1:
        return named.number.format(n=", ".join(" ".join(group) for group in groups))
    return named.number.format(n=one_by_one(text) if _is_code(text) else text)


def _is_code(text: str) -> bool:
    digits = text.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return len(digits) > 6 or (len(digits) > 1 and digits[0] == "0")


RULES: Final = ((_BOLD, _bold), (_MASK, _mask), (_NUMBER, _number), (_KEYS, _keys))
"""For `normalise`."""
