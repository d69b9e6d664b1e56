"""What numbers name: No. 5, ext. 12, 24/7, 911, and codes of letters and digits such as A1B2C3."""

import re
from typing import Final

from onhook.speech.reading.spoken_digits import one_by_one
from onhook.speech.reading.spoken_money import SCALE
from onhook.speech.reading.tongue import WORD, Tongue
from onhook.speech.reading.vocabulary import always, words

_NUMBER: Final = re.compile(
    rf"(?<![{WORD}])(?:No\.? ?|Nos?\. ?|Nr\. ?|nr\. ?|no\. |N[°º]\.? ?|n[°º]\.? ?|n\.[ºo°]? ?|№ ?"
    rf"|N[úu]m\. ?|n[úu]m\. ?|No: ?)([A-Z]?\d+)(?![{WORD}]|[.,:/-]\d)"
)
_EXTENSION: Final = re.compile(
    rf"(?<![{WORD}\u0400-\u04ff])(?:ext|extn|доб|дод|wew|dah|tst|samb|Durchwahl|DW|ramal)"
    rf"(?:\.:?|:)? ?#?(\d{{1,8}})(?![{WORD}]|[.,:/-]\d)",
    re.IGNORECASE,
)
_ALWAYS: Final = re.compile(rf"(?<![{WORD}./,])(?:24 ?/ ?7|(7) ?/ ?24)(?![{WORD}/]|[.,]\d)")

# Emergency numbers that are hardly ever an amount; others only where somebody is told to call them.
_COUNTED: Final = (
    rf"{SCALE}|[Ee]uro|[Dd]ol|[Pp]rozent|per ?cent|рубл|грив|people\b"
    r"|(?!this\b|always\b)[a-z]{2,}[a-rt-z]s\b|[元円원人名个個块塊次年月日天号號楼樓层層室명개번층호회]"
)
"""What makes a number before it an amount: in English a plural does."""

_EMERGENCY: Final = re.compile(
    rf"(?<![{WORD}.,/:+#*$€£¥-])(?<!\d )(911|999|112)"
    rf"(?![{WORD}/:%€£¥*#-]|[.,]\d| ?[%€£₽₴$]| \d| ?(?:{_COUNTED}))"
)
_CALL: Final = re.compile(
    r"((?:\b(?:call|dial|phone|rufen Sie|wählen Sie|appelez|appelez le|composez|composez le|llame al|marque"
    r"|marque el|chiami|chiami il|componga|componga il|ligue|ligue para o|disque|bel|kies|zadzwoń pod"
    r"|wybierz|позвоните по|позвоните|наберите|зателефонуйте|наберіть|gọi|bấm|hubungi|telepon|dail)[ :]{1,2})"
    rf"|(?:拨打|撥打|致电|致電|打) ?)([19]\d\d|[2-8]11)(?![{WORD}/:%-]|[.,]\d| \d| ?(?:{_COUNTED}))",
    re.IGNORECASE,
)
_CODE: Final = re.compile(rf"(?<![{WORD}.@/])[A-Za-z\d]{{4,24}}(?![{WORD}@/]|\.[{WORD}])")
_SWITCH: Final = re.compile(r"(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)")
_LASTING: Final = re.compile(r"(?:\d+(?:[dhmsj]|min|sec))+\d*", re.IGNORECASE)  # 1h30m
_SHORT: Final = 6
"""Characters of a code that changes only twice between letters and digits: shorter ones are names, as B2B."""


def _number(found: "re.Match[str]", language: Tongue) -> str | None:
    named = words(language.tag)
    return named.number.format(n=_named(found[1])) if named is not None else None


def _extension(found: "re.Match[str]", language: Tongue) -> str | None:
    named = words(language.tag)
    text = found[1]
    digits = text if len(text) <= 2 and text[0] != "0" else one_by_one(text)
    return named.extension.format(n=digits) if named is not None else None


def _named(text: str) -> str:
    digits = text.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    is_code = len(digits) > 6 or (len(digits) > 1 and digits[0] == "0")
    return one_by_one(text) if is_code else text


def _always(found: "re.Match[str]", language: Tongue) -> str | None:
    """24/7: all hours of all days."""
    if words(language.tag) is None:
        return None
    if language.language == "en":
        return "7 24" if found[1] else "24 7"
    told = always(language.tag) or _in_units(language)
    return ", ".join(reversed(told) if found[1] else told)


def _in_units(language: Tongue) -> tuple[str, str]:
    from babel.units import format_unit

    hours = format_unit(24, "duration-hour", "long", locale=language.locale)
    return hours, format_unit(7, "duration-day", "long", locale=language.locale)


def _emergency(found: "re.Match[str]", _language: Tongue) -> str:
    return " ".join(found[1])


def _call(found: "re.Match[str]", _language: Tongue) -> str:
    return f"{found[1]}{' '.join(found[2])}"


def _code(found: "re.Match[str]", _language: Tongue) -> str | None:
    """Spelled, if letters and digits change places three times, or twice in a long one of capitals."""
    text = found[0]
    if _LASTING.fullmatch(text):
        return None
    switches = len(_SWITCH.findall(text))
    is_long = switches == 2 and len(text) >= _SHORT and text.isupper()
    return " ".join(text) if switches > 2 or is_long else None


RULES: Final = (
    (_NUMBER, _number),
    (_EXTENSION, _extension),
    (_ALWAYS, _always),
    (_CODE, _code),
    (_CALL, _call),
    (_EMERGENCY, _emergency),
)
"""For `normalise`."""
