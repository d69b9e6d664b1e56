"""How much of what was said was understood."""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Final

BY_CHARACTER: Final = frozenset({"zh", "ja", "ko"})
"""Languages whose words nobody agrees on the borders of."""

# Traditional characters of the sentences, and what a recogniser may write in their place.
_PLAIN: Final = str.maketrans(
    "們現證碼馬預約號園車邊對員電話時驗點還會這門麼後於隔離間請處",
    "们现证码马预约号园车边对员电话时验点还会这门么后于隔离间请处",
)

_DOTLESS: Final = frozenset({"tr"})
"""Languages in which the small letter of I is ı, and that of İ is i."""

_APOSTROPHES: Final = dict.fromkeys(map(ord, "'’ʼ`"))

_SHORT: Final = {"mr": "mister", "hr": "herr", "sr": "señor", "m": "monsieur"}
"""Words that are written in two ways."""


def rate(said: str, heard: str, tag: str) -> tuple[int, int]:
    """How many words (or characters) are wrong, of how many."""
    expected, found = units(said, tag), units(heard, tag)
    return min(edits(expected, found), len(expected)), len(expected)


def share_of_characters(said: str, heard: str, tag: str) -> float:
    """How many of the characters are wrong, of all, whatever the language; it varies less than words do."""
    expected, found = "".join(units(said, tag)), "".join(units(heard, tag))
    return min(edits(expected, found) / len(expected), 1.0)


def units(text: str, tag: str) -> list[str]:
    """What is counted of a text: its words, or its characters."""
    primary = tag.partition("-")[0]
    if primary == "ja":
        text = _kana(text)
    if primary in _DOTLESS:
        text = text.replace("İ", "i").replace("I", "ı")
    text = unicodedata.normalize("NFKC", text).casefold().translate(_PLAIN)
    plain = "".join(
        character if unicodedata.category(character)[0] in "LMN" else " "
        for character in text.translate(_APOSTROPHES)
    )
    if primary in BY_CHARACTER:
        return list("".join(plain.split()))
    return [_SHORT.get(word, word) for word in plain.split()]


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """How many have to be put in, left out or changed to make one of the other."""
    row = list(range(len(heard) + 1))
    for number, one in enumerate(said, 1):
        above, row = row, [number]
        for at, other in enumerate(heard, 1):
            row.append(min(above[at] + 1, row[-1] + 1, above[at - 1] + (one != other)))
    return row[-1]


@cache
def _kana(text: str) -> str:
    """Japanese as it is pronounced: one word may be written in three ways."""
    import pyopenjtalk

    return str(pyopenjtalk.g2p(text, kana=True))
