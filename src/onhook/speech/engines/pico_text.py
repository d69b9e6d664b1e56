"""What SVOX Pico is given of a text.

Letters that it does not know it leaves out without a word, and of what is unbroken for too long it speaks
the beginning, or nothing; some marks it reads by their names. All that is seen to here.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from onhook.speech.engines.pieces import pieces

_LATIN_1: Final = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿßšž"
_LETTERS: Final = {
    "de": _LATIN_1,
    "en": _LATIN_1,
    "es": "áéíóúüñ",
    "fr": "àâäæçèéêëîïôœöùûüÿ",
    "it": "àèéìòóù",
}
"""Those besides a to z that it reads, by language."""

_ALIKE: Final = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l",
    "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "Ħ": "H",
    "ŋ": "ng", "Ŋ": "Ng", "ŧ": "t", "Ŧ": "T", "ĸ": "k", "ə": "e", "Ə": "E",
}  # fmt: skip
_OWN: Final = "ªºµ"  # letters to Unicode, which it reads everywhere

_MARKS: Final = str.maketrans({
    **dict.fromkeys('"„“”‟«»‹›‚¿¡', " "),
    **dict.fromkeys("’‘ʼ`´", "'"),
    "–": "-",
    "—": " - ",
    "…": "...",
})  # fmt: skip
_DOTS: Final = re.compile(r"(\s*\.){2,}")
_LONGEST_WORD: Final = (
    80  # from some 140 letters on, in any language, the end of a word was missing
)
_UNBROKEN: Final = re.compile(rf"\S{{{_LONGEST_WORD}}}(?=\S)|[0-9]{{20}}(?=[0-9])")


def spellable(text: str, language: str) -> str:
    """`text` in the letters that the engine reads in `language`, the first part of its tag."""
    known = _LETTERS[language]
    text = unicodedata.normalize("NFC", text).translate(_MARKS)
    text = _DOTS.sub(".", "".join(_spelt(character, known) for character in text))
    return _UNBROKEN.sub(r"\g<0> ", text)


def spoken_pieces(text: str, language: str) -> Iterator[str]:
    """`text` as the engine is given it: pieces of at most 200 characters that have a letter or a digit."""
    for piece in pieces(spellable(text, language)):
        if any(character.isalnum() for character in piece):
            yield piece


def _spelt(character: str, known: str) -> str:
    if character.isascii() or character in _OWN or character.lower() in known:
        return character
    if unicodedata.category(character) in ("Cf", "Mn"):  # soft hyphens, joiners, loose accents
        return ""
    if character in _ALIKE:
        return _ALIKE[character]
    if not (character.isalpha() or character.isdecimal()):
        return character
    apart = unicodedata.normalize("NFKD", character)
    return "".join(one for one in apart if not unicodedata.combining(one))
