"""Large numbers in words, for the languages in which the formant engine misreads their digits.

It was listened to by its phonemes: in Ukrainian a million is "one thousand", and thousands have the
wrong gender; in Mandarin from 10,000 on and in Cantonese too, places are put into the wrong order.
"""

from collections.abc import Sequence
from typing import Final

_LONGEST: Final = 12  # digits: beyond, nobody follows

_UNITS: Final = (
    "", "один", "два", "три", "чотири", "п'ять", "шість", "сім", "вісім", "дев'ять", "десять",
    "одинадцять", "дванадцять", "тринадцять", "чотирнадцять", "п'ятнадцять", "шістнадцять",
    "сімнадцять", "вісімнадцять", "дев'ятнадцять",
)  # fmt: skip
_FEMININE: Final = {1: "одна", 2: "дві"}
_TENS: Final = (
    "", "", "двадцять", "тридцять", "сорок", "п'ятдесят", "шістдесят", "сімдесят", "вісімдесят",
    "дев'яносто",
)  # fmt: skip
_HUNDREDS: Final = (
    "", "сто", "двісті", "триста", "чотириста", "п'ятсот", "шістсот", "сімсот", "вісімсот",
    "дев'ятсот",
)  # fmt: skip
_THOUSANDS: Final = (
    ("мільярд", "мільярди", "мільярдів"),
    ("мільйон", "мільйони", "мільйонів"),
    ("тисяча", "тисячі", "тисяч"),
)  # one, few, many

_DIGITS: Final = "零一二三四五六七八九"
_PLACES: Final = ("千", "百", "十", "")
_MYRIADS: Final = {"zh": ("亿", "万", ""), "zh-TW": ("億", "萬", ""), "zh-HK": ("億", "萬", "")}


def in_words(digits: str, tag: str) -> str:
    """The number that `digits` are, written out if they would be misread in the language of the tag.

    Other text, such as a number with separators, is returned as it is.
    """
    language = tag.partition("-")[0].lower()
    if not digits.isdigit() or len(digits) > _LONGEST:
        return digits
    if language == "zh" and int(digits) >= 10_000:
        return _in_characters(int(digits), _MYRIADS.get(tag, _MYRIADS["zh"]))
    return _in_ukrainian(int(digits)) if language == "uk" and int(digits) >= 1000 else digits


def feminine(spoken: str) -> str:
    """A Ukrainian number in words, for what is feminine."""
    head, blank, last = spoken.rpartition(" ")
    found = {_UNITS[value]: word for value, word in _FEMININE.items()}
    return f"{head}{blank}{found.get(last, last)}"


def _in_ukrainian(value: int) -> str:
    spoken: list[str] = []
    for place, names in enumerate(_THOUSANDS):
        count = value // 1000 ** (len(_THOUSANDS) - place) % 1000
        if count:
            is_thousand = place == len(_THOUSANDS) - 1
            spoken += [*_below_a_thousand(count, feminine=is_thousand), _plural(count, names)]
    return " ".join([*spoken, *_below_a_thousand(value % 1000)])


def _below_a_thousand(value: int, feminine: bool = False) -> Sequence[str]:
    tens, units = divmod(value % 100, 10)
    if tens == 1:
        tens, units = 0, units + 10
    unit = _FEMININE.get(units, _UNITS[units]) if feminine else _UNITS[units]
    return [word for word in (_HUNDREDS[value // 100], _TENS[tens], unit) if word]


def _plural(count: int, names: tuple[str, str, str]) -> str:
    if count % 100 in range(11, 15):
        return names[2]
    return names[0] if count % 10 == 1 else names[1] if count % 10 in (2, 3, 4) else names[2]


def _in_characters(value: int, myriads: Sequence[str]) -> str:
    """By myriads; zeros that are passed over between two digits are one 零."""
    spoken, gap = "", False
    for power, myriad in zip((8, 4, 0), myriads, strict=True):
        group = value // 10**power % 10_000
        for place, name in enumerate(_PLACES):
            digit = group // 10 ** (3 - place) % 10
            if digit == 0:
                gap = bool(spoken)
                continue
            spoken += ("零" if gap else "") + _DIGITS[digit] + name
            gap = False
        if group:
            spoken += myriad
            gap = False
    return spoken[1:] if spoken.startswith("一十") else spoken
