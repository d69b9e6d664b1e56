"""Dates and times of the day, in the words of a language."""

import datetime
import re
import unicodedata
from typing import Final

from onhook.speech.tongue import WORD, Tongue

_YEARS: Final = range(1000, 3000)
_NOON: Final = 12

_ISO: Final = re.compile(rf"(?<![{WORD}.,/-])(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})(?![\d/-])")
_NUMERIC: Final = re.compile(
    rf"(?<![{WORD}.,/-])(\d{{1,4}})([./-])(\d{{1,2}})\2(\d{{1,4}})(?![\d/-]|[.,]\d)"
)
_TIME: Final = re.compile(
    rf"(?<![{WORD}.,:])T?([01]?\d|2[0-4]):([0-5]\d)(?::[0-5]\d)?(?![\d:])"
    r"(?:\s?([AaPp])\.?[Mm]\b\.?)?(?: ?(?:Uhr|uur|बजे|o'clock|hrs?|h)(?!\w))?"
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
    hour, minute = int(found[1]), int(found[2])
    half = (found[3] or "").upper()
    if half and not 1 <= hour <= _NOON:
        return None
    if language.language == "en" or not language.known:
        return _in_english(hour, minute, half) if language.known else None
    if half:
        hour = hour % _NOON + (_NOON if half == "P" else 0)
    if language.language == "ko":
        return _in_korean(hour, minute)
    told = _TOLD.get(language.tag) or _TOLD.get(language.language)
    if told is not None:
        pattern = told[0 if minute == 0 else 1 if minute < 10 else 2]
        return pattern.format(h=hour, m=minute)
    return _in_units(hour, minute, language)


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


def _in_units(hour: int, minute: int, language: Tongue) -> str | None:
    from babel.units import UnknownUnitError, format_unit

    units = ("hour", hour), ("minute", minute)
    try:
        told = [
            format_unit(count, f"duration-{unit}", "long", locale=language.locale)
            for unit, count in units
            if count or unit == "hour"
        ]
    except UnknownUnitError:
        return None
    text = " ".join(told)
    return None if "duration" in text else text  # what CLDR has no words for


RULES: Final = ((_ISO, _iso), (_NUMERIC, _numeric), (_TIME, _time))
"""For `normalise`."""
