"""Scripts of text: which characters a voice can be left with."""

import unicodedata
from collections.abc import Iterable
from typing import Final

LATIN: Final = "LATIN "
CYRILLIC: Final = "CYRILLIC "
HAN: Final = "CJK UNIFIED IDEOGRAPH-"
HANGUL: Final = "HANGUL "
ARABIC: Final = "ARABIC "
DEVANAGARI: Final = "DEVANAGARI "
BENGALI: Final = "BENGALI "
TAMIL: Final = "TAMIL "

_SHARED: Final = "MODIFIER LETTER "


def readable(text: str, scripts: Iterable[str]) -> bool:
    """Whether every letter of `text` is of one of `scripts` (beginnings of Unicode's names).

    What is no letter (digits, signs, punctuation) belongs to all of them.
    """
    beginnings = (*scripts, _SHARED)
    return all(_readable(character, beginnings) for character in set(text))


def _readable(character: str, beginnings: tuple[str, ...]) -> bool:
    if not character.isalpha() or character == "\u00b5":  # micro, a unit
        return True
    plain = unicodedata.normalize("NFKC", character)
    return all(
        not letter.isalpha() or unicodedata.name(letter, "").startswith(beginnings)
        for letter in plain
    )
