"""Scripts of text: which characters a voice can be left with."""

import unicodedata
from collections.abc import Iterable
from typing import Final

from onhook.speech.errors import CannotConvertText

LATIN: Final = "LATIN "
CYRILLIC: Final = "CYRILLIC "
HAN: Final = "CJK UNIFIED IDEOGRAPH-"
HANGUL: Final = "HANGUL "
ARABIC: Final = "ARABIC "
DEVANAGARI: Final = "DEVANAGARI "
BENGALI: Final = "BENGALI "
TAMIL: Final = "TAMIL "
HIRAGANA: Final = "HIRAGANA "
KATAKANA: Final = "KATAKANA"  # its prolonged sound mark has a hyphen there

_WRITTEN_IN: Final = {
    **dict.fromkeys(("be", "bg", "kk", "ky", "mk", "mn", "ru", "uk"), (CYRILLIC, LATIN)),
    "sr": (LATIN, CYRILLIC),
    **dict.fromkeys(("ar", "fa", "ur", "ps", "ckb"), (ARABIC, LATIN)),
    **dict.fromkeys(("hi", "mr", "ne"), (DEVANAGARI, LATIN)),
    **dict.fromkeys(("bn", "as"), (BENGALI, LATIN)),
    "ta": (TAMIL, LATIN),
    "te": ("TELUGU ", LATIN),
    "kn": ("KANNADA ", LATIN),
    "ml": ("MALAYALAM ", LATIN),
    "gu": ("GUJARATI ", LATIN),
    "pa": ("GURMUKHI ", LATIN),
    "si": ("SINHALA ", LATIN),
    "th": ("THAI ", LATIN),
    "he": ("HEBREW ", LATIN),
    "el": ("GREEK ", LATIN),
    "hy": ("ARMENIAN ", LATIN),
    "ka": ("GEORGIAN ", LATIN),
    "am": ("ETHIOPIC ", LATIN),
    "ko": (HANGUL, LATIN),
    **dict.fromkeys(("zh", "yue", "cmn"), (HAN, LATIN)),
    "ja": (HIRAGANA, KATAKANA, HAN, "IDEOGRAPHIC ", LATIN),
}

_SHARED: Final = "MODIFIER LETTER "


def written_in(tag: str) -> tuple[str, ...]:
    """The scripts of a language tag, its own first; Latin where nothing else is known."""
    return _WRITTEN_IN.get(tag.partition("-")[0].lower(), (LATIN,))


def readable(text: str, scripts: Iterable[str]) -> bool:
    """Whether every letter of `text` is of one of `scripts` (beginnings of Unicode's names).

    What is no letter (digits, signs, punctuation) belongs to all of them.
    """
    beginnings = (*scripts, _SHARED)
    return all(_readable(character, beginnings) for character in set(text))


def require_readable(text: str, scripts: Iterable[str], language: str) -> None:
    """Raises `CannotConvertText` for a text that is not `readable`; `language` is that of the voice."""
    if not readable(text, scripts):
        raise CannotConvertText(
            f"Text in msg is in a script that the {language} voice cannot read: "
            'choose its language, as in <speech language="...">.'
        )


def _readable(character: str, beginnings: tuple[str, ...]) -> bool:
    if not character.isalpha() or character == "\u00b5":  # micro, a unit
        return True
    plain = unicodedata.normalize("NFKC", character)
    return all(
        not letter.isalpha() or unicodedata.name(letter, "").startswith(beginnings)
        for letter in plain
    )
