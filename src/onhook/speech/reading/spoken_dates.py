"""Dates and times of the day, in the words of a language."""

import datetime
import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from onhook.speech.reading.tongue import WORD, Tongue
from onhook.speech.reading.vocabulary import UNSPACED, seconds, words

_YEARS: Final = range(1000, 3000)
_NOON: Final = 12

_ISO: Final = re.compile(rf"(?<![{WORD}.,/-])(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})(?![\d/-])")
_NUMERIC: Final = re.compile(
    rf"(?<![{WORD}.,/-])(\d{{1,4}})([./-])(\d{{1,2}})\2(\d{{1,4}})(?![\d/-]|[.,]\d)"
)
_CLOCK: Final = r"([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?"
_HALF: Final = r"(?:\s?([AaPp])\.?[Mm]\b\.?)?"
_UNIT: Final = r"(?: ?(?:Uhr|uur|बजे|o'clock|hrs?|h)(?!\w))?"
_TIME: Final = re.compile(rf"(?<![{WORD}.,:])T?{_CLOCK}(?![\d:]){_HALF}{_UNIT}")

# With a dot, where the language writes so, or what stands around it says that it is a time.
_DOTTED: Final = re.compile(
    rf"(?<![{WORD}.,:/+-])((?:\b(?:pukul|jam|ore|alle|godz\.|godzinie|kl\.) )?)([01]?\d|2[0-4])\.([0-5]\d)"
    rf"(?![\d:%{WORD}]|[.,]\d| ?[%€$£])"
    rf"(?:\s?([AaPp])\.?[Mm]\b\.?)?((?: ?(?:Uhr|uur|WIB|WITA|WIT)(?!\w))?)"
)
_UNTIL: Final = r" ?[\u2013\u2014-] ?"
_FROM_TO: Final = re.compile(
    rf"(?<![{WORD}.,:])([0-2]?\d:[0-5]\d(?:\s?[AaPp]\.?[Mm]\b\.?)?){_UNTIL}"
    rf"([0-2]?\d:[0-5]\d)(?![\d:])((?:\s?[AaPp]\.?[Mm]\b\.?)?){_UNIT}"
)
_FROM_TO_DOTTED: Final = re.compile(
    rf"(?<![{WORD}.,:])([0-2]?\d\.[0-5]\d){_UNTIL}([0-2]?\d\.[0-5]\d)(?![\d:]|[.,]\d)"
    r"((?: ?(?:Uhr|uur|WIB|WITA|WIT|[AaPp]\.?[Mm]\b\.?)(?!\w))?)"
)

_ERA: Final = re.compile("[\u00a0\u202f ][\u0433\u0440]\\.$")  # "of the year", which engines spell

_HOURS: Final = [
    "한",
    "두",
    "세",
    "네",
    "다섯",
    "여섯",
    "일곱",
    "여덟",
    "아홉",
    "열",
    "열한",
    "열두",
]

# How hours and minutes are told; without minutes, with less than ten of them, with more. CLDR has no
# times of the day in words; where nothing stands here, its hours and minutes are said.
_TOLD: Final = {
    "de": ("{h} Uhr", "{h} Uhr {m}", "{h} Uhr {m}"),
    "nl": ("{h} uur", "{h} uur {m}", "{h} uur {m}"),
    "es": ("{h} horas", "{h} y {m}", "{h} y {m}"),
    "it": ("{h}", "{h} e {m}", "{h} e {m}"),
    "pt": ("{h} horas", "{h} e {m}", "{h} e {m}"),
    "id": ("{h}", "{h} lewat {m} menit", "{h} lewat {m} menit"),
    "ms": ("{h}", "{h} lebih {m} minit", "{h} lebih {m} minit"),
    "tr": ("{h}", "{h} sıfır {m}", "{h} {m}"),
    "vi": ("{h} giờ", "{h} giờ {m} phút", "{h} giờ {m} phút"),
    "hi": ("{h} बजे", "{h} बजकर {m} मिनट", "{h} बजकर {m} मिनट"),
    "bn": ("{h}টা", "{h}টা {m} মিনিট", "{h}টা {m} মিনিট"),
    "fa": ("{h}", "{h} و {m} دقیقه", "{h} و {m} دقیقه"),
    "ja": ("{h}時", "{h}時{m}分", "{h}時{m}分"),
    "zh-CN": ("{h}点", "{h}点零{m}分", "{h}点{m}分"),
    "zh": ("{h}點", "{h}點零{m}分", "{h}點{m}分"),
}


def _iso(found: "re.Match[str]", language: Tongue) -> str | None:
    year, month, day = map(int, found.groups())
    return _date(year, month, day, language)


def _numeric(found: "re.Match[str]", language: Tongue) -> str | None:
    """Day and month in the order of the language, unless only the other one gives a date."""
    first, _, second, third = found.groups()
    if len(first) == 4 and len(third) <= 2:
        return _date(int(first), int(second), int(third), language)
    if len(third) != 4 or len(first) > 2:
        return None
    day, month = int(first), int(second)
    if language.order.index("m") < language.order.index("d") and language.order[0] != "y":
        day, month = month, day
    year = int(third)
    return _date(year, month, day, language) or _date(year, day, month, language)


def _date(year: int, month: int, day: int, language: Tongue) -> str | None:
    if not language.known or year not in _YEARS:
        return None
    try:
        date = datetime.date(year, month, day)
    except ValueError:
        return None
    from babel.dates import format_date

    text = _ERA.sub("", format_date(date, "long", language.locale))
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    if language.language == "zh":  # years are read digit by digit
        text = text.replace(
            str(year), "".join("零一二三四五六七八九"[int(n)] for n in str(year)), 1
        )
    return text


def _time(found: "re.Match[str]", language: Tongue) -> str | None:
    told = _told(int(found[1]), int(found[2]), (found[4] or "").upper(), language)
    second = int(found[3] or 0)
    if told is None or not second:
        return told
    told_too = seconds(language.tag, second) or _in_units((("second", second),), language)
    return told_too and f"{told}{_gap(language)}{told_too}"


def _told(hour: int, minute: int, half: str, language: Tongue) -> str | None:
    """A time of the day; `half` is A or P where the text says so."""
    if not language.known or (half and not 1 <= hour <= _NOON):
        return None
    if language.language == "en":
        return _in_english(hour, minute, half)
    if half:
        hour = hour % _NOON + (_NOON if half == "P" else 0)
    if language.language == "ko":
        return _in_korean(hour, minute)
    told = _TOLD.get(language.tag) or _TOLD.get(language.language)
    if told is not None:
        pattern = told[0 if minute == 0 else 1 if minute < 10 else 2]
        return pattern.format(h=hour, m=minute)
    units = (("hour", hour), ("minute", minute))
    return _in_units(units if minute else units[:1], language)


def _dotted(found: "re.Match[str]", language: Tongue) -> str | None:
    half = (found[4] or "").upper()
    if not (language.dotted or found[1] or half or found[5]):
        return None
    told = _told(int(found[2]), int(found[3]), half, language)
    zone = found[5] if found[5].strip().startswith("WI") else ""
    return told and f"{found[1]}{told}{zone}"


def _from_to_dotted(found: "re.Match[str]", language: Tongue) -> str | None:
    if not (language.dotted or found[3]):
        return None
    half = found[3].strip() if found[3].strip()[:1] in tuple("AaPp") else ""
    told = _both(found[1].replace(".", ":"), found[2].replace(".", ":"), half, language)
    zone = found[3] if found[3].strip().startswith("WI") else ""
    return told and f"{told}{zone}"


def _from_to(found: "re.Match[str]", language: Tongue) -> str | None:
    return _both(found[1], found[2], found[3].strip(), language)


def _both(begins: str, ends: str, half: str, language: Tongue) -> str | None:
    """From one time to another. In English both are told by halves of the day if one needs it."""
    named = words(language.tag)
    times = [_TIME.fullmatch(text) for text in (begins, f"{ends} {half}".strip())]
    if named is None or None in times:
        return None
    parts = [(int(one[1]), int(one[2]), (one[4] or "").upper()) for one in times if one is not None]
    if any(hour > _NOON for hour, _, _ in parts):
        parts = [(hour, minute, kept or _half(hour)) for hour, minute, kept in parts]
    first, last = (_told(hour, minute, kept, language) for hour, minute, kept in parts)
    return named.to.format(a=first, b=last) if first and last else None


def _half(hour: int) -> str:
    """Nothing for the hours of which English makes it anyway, and other languages need none."""
    return "" if hour > _NOON or hour == 0 else "P" if hour == _NOON else "A"


def _in_english(hour: int, minute: int, half: str) -> str:
    if hour == 0 or hour > _NOON:
        half = "P" if _NOON < hour < 2 * _NOON else "A"
        hour = hour % _NOON or _NOON
    if minute == 0:
        return f"{hour} {half}M" if half else f"{hour} o'clock"
    told = f"{hour} oh {minute}" if minute < 10 else f"{hour} {minute}"
    return f"{told} {half}M" if half else told


def _in_korean(hour: int, minute: int) -> str:
    half = "오전" if hour % (2 * _NOON) < _NOON else "오후"
    told = f"{half} {_HOURS[(hour - 1) % _NOON]}시"
    return f"{told} {minute}분" if minute else told


def _gap(language: Tongue) -> str:
    return "" if language.language in UNSPACED else ", "


def _in_units(units: Sequence[tuple[str, int]], language: Tongue) -> str | None:
    from babel.units import UnknownUnitError, format_unit

    try:
        told = [
            format_unit(count, f"duration-{unit}", "long", locale=language.locale)
            for unit, count in units
        ]
    except UnknownUnitError:
        return None
    text = " ".join(told)
    return None if "duration" in text else text  # what CLDR has no words for


RULES: Final = (
    (_ISO, _iso),
    (_NUMERIC, _numeric),
    (_FROM_TO, _from_to),
    (_FROM_TO_DOTTED, _from_to_dotted),
    (_TIME, _time),
    (_DOTTED, _dotted),
)
"""For `normalise`."""
