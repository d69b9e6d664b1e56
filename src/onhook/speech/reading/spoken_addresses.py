"""Addresses of the web and of mail, part by part, as somebody would dictate them."""

import re
from typing import Final

from onhook.speech.reading.tongue import Tongue
from onhook.speech.reading.vocabulary import LETTERS, words
from onhook.speech.scripts import LATIN, written_in

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?"
_GENERIC: Final = r"(?:com|org|net|info|biz|gov|edu|app|dev)"
_PATH: Final = r"(?:/[A-Za-z0-9/_.-]*[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(
    rf"(?<![A-Za-z0-9@./_-])(?:https?://)?(?:(www)\.)?((?:{_LABEL}\.){{1,6}}[A-Za-z]{{2,24}}{_PATH})(?![A-Za-z0-9@])"
)
_MAIL: Final = re.compile(
    rf"(?<![A-Za-z0-9@/_.-])[A-Za-z0-9._+-]{{1,64}}@(?:{_LABEL}\.){{1,6}}[A-Za-z]{{2,24}}(?![A-Za-z0-9@])"
)
_IS_GENERIC: Final = re.compile(rf"[^/]*\.{_GENERIC}(?:\.[a-z]{{2}})?(?:/.*)?")
_SIGN: Final = re.compile(r"[.@/-]")
LIKELY: Final = re.compile(r"www\.|://|@|\.[a-z]{2}")
"""What a text has in it if it may have an address."""


def _address(found: "re.Match[str]", language: Tongue) -> str | None:
    """Only what is one for certain: with `www.` or `http://`, or of a domain for all countries."""
    is_certain = found[1] or "://" in found[0] or _IS_GENERIC.fullmatch(found[2])
    if not is_certain:
        return None
    if _is_left(language):
        return f"www.{found[2]}" if found[1] else found[2]
    letter = LETTERS.get((language.language, "w"), "w")
    www = f"{letter} {letter} {letter}." if found[1] else ""
    return _dictated(f"{www}{found[2]}", language)


def _mail(found: "re.Match[str]", language: Tongue) -> str | None:
    return found[0] if _is_left(language) else _dictated(found[0], language)


def _is_left(language: Tongue) -> bool:
    """Whether it is read by the English voice anyway, which has the rules of English for it."""
    return written_in(language.tag)[0] != LATIN


def _dictated(text: str, language: Tongue) -> str | None:
    named = words(language.tag)
    if named is None:
        return None
    signs = {".": named.dot, "@": named.at, "/": named.slash, "-": named.dash}
    return _SIGN.sub(lambda sign: f" {signs[sign[0]]} ", text)


RULES: Final = ((_MAIL, _mail), (_ADDRESS, _address))
"""For `normalise`."""
