"""Mandarin in the phonemes that Kokoro was trained with: pinyin, by way of the IPA, with arrows for tones.

Which pinyin a character has is pypinyin's knowledge. The tables are those of misaki (Apache-2.0), after
"Help:IPA/Mandarin" of Wikipedia.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version as installed_version
from typing import Final

_INITIALS: Final = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k",
    "k": "kʰ", "h": "x", "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ",
    "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s",
}  # fmt: skip

# 0 is where the tone goes.
_FINALS: Final = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0", "e": "ɤ0", "ei": "ei0",
    "en": "ə0n", "eng": "ə0ŋ", "er": "ɚ0", "ê": "ɛ0", "i": "i0", "ia": "ja0", "ian": "jɛ0n",
    "iang": "ja0ŋ", "iao": "jau0", "ie": "je0", "in": "i0n", "iou": "jou0", "ing": "i0ŋ",
    "iong": "jʊ0ŋ", "ong": "ʊ0ŋ", "ou": "ou0", "u": "u0", "uei": "wei0", "ua": "wa0",
    "uai": "wai0", "uan": "wa0n", "uen": "wə0n", "uang": "wa0ŋ", "ueng": "wə0ŋ", "uo": "wo0",
    "o": "wo0", "io": "jɔ0", "ü": "y0", "üe": "ɥe0", "üan": "ɥɛ0n", "ün": "y0n",
}  # fmt: skip
_BUZZED: Final = "ɨ0"  # the i of zhi, chi, shi, ri, zi, ci, si
_BUZZING: Final = frozenset(["zh", "ch", "sh", "r", "z", "c", "s"])
_BARE: Final = {"m": "m0", "n": "n0", "ng": "ŋ0", "hm": "hm0", "hng": "hŋ0"}
_TONES: Final = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}

_DIGITS: Final = "零一二三四五六七八九"
_PLACES: Final = ("", "十", "百", "千")
_MYRIADS: Final = ("", "万", "亿", "万亿")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


@lru_cache(maxsize=1)
def version() -> str:
    """That of pypinyin."""
    return installed_version("pypinyin")


def mandarin(text: str) -> str:
    """`text` in phonemes, a blank between words. What has no reading is left out."""
    from pypinyin import Style, lazy_pinyin  # here: half a second, for who needs it

    words = []
    for word in _words(text):
        pinyin = lazy_pinyin(
            word,
            style=Style.TONE3,
            neutral_tone_with_five=True,
            tone_sandhi=True,
            errors="ignore",
        )
        words.append("".join(map(_syllable, pinyin)))
    return " ".join(filter(None, words))


def _words(text: str) -> Iterator[str]:
    from pypinyin.seg import mmseg

    start = 0
    for found in _NUMBER.finditer(text):
        yield from mmseg.seg.cut(text[start : found.start()])
        yield number(found[0])
        start = found.end()
    yield from mmseg.seg.cut(text[start:])


def number(digits: str) -> str:
    """A number in characters, as it is read: 1050 is 一千零五十. A zero in front makes it a code."""
    whole, _, fraction = digits.partition(".")
    if len(whole) > 4 * len(_MYRIADS) or (len(whole) > 1 and whole[0] == "0"):
        return "".join(_DIGITS[int(digit)] for digit in digits if digit != ".")
    spoken = _whole(int(whole))
    return f"{spoken}点{''.join(_DIGITS[int(digit)] for digit in fraction)}" if fraction else spoken


def _whole(value: int) -> str:
    if value == 0:
        return _DIGITS[0]
    parts: list[str] = []
    gap = False  # zeros that were passed over are one 零
    for myriad in range(len(_MYRIADS) - 1, -1, -1):
        group = value // 10_000**myriad % 10_000
        if group == 0:
            gap = bool(parts)
            continue
        parts.append((_DIGITS[0] if gap or (parts and group < 1000) else "") + _group(group))
        parts.append(_MYRIADS[myriad])
        gap = False
    spoken = "".join(parts)
    return spoken[1:] if spoken.startswith("一十") else spoken


def _group(value: int) -> str:
    spoken, gap = "", False
    for place in range(3, -1, -1):
        digit = value // 10**place % 10
        if digit == 0:
            gap = bool(spoken)
            continue
        spoken += (_DIGITS[0] if gap else "") + _DIGITS[digit] + _PLACES[place]
        gap = False
    return spoken


def _syllable(pinyin: str) -> str:
    from pypinyin.contrib.tone_convert import to_finals, to_initials

    tone = _TONES.get(pinyin[-1:])
    if tone is None:
        return ""
    plain = pinyin[:-1]
    if plain in _BARE:
        return _BARE[plain].replace("0", tone)
    initial = to_initials(plain, strict=True)
    final = to_finals(plain, strict=True, v_to_u=True)
    phonemes = _BUZZED if final == "i" and initial in _BUZZING else _FINALS.get(final, "")
    return _INITIALS.get(initial, "") + phonemes.replace("0", tone)
