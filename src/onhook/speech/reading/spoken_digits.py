"""Numbers that are no quantities: of telephones, cards, accounts, codes; and how quantities are grouped."""

import re
from collections.abc import Iterator
from typing import Final

from onhook.speech.reading.tongue import WORD, Tongue
from onhook.speech.reading.vocabulary import through

_LONGEST_QUANTITY: Final = 6
"""Digits without a separator that are still read as a number."""

_YEARS: Final = range(1900, 2101)

_PLUS: Final = {
    "en": "plus ",
    "zh": "加",
    "ja": "プラス",
    "ko": "플러스 ",
    "ar": "زائد ",
    "fa": "به علاوه ",
}
_PERCENT: Final = {"zh": "百分之{n}", "ko": "{n} 퍼센트", "ja": "{n}パーセント", "ar": "{n} بالمئة"}

# Words after which digits are a code, in the languages that are spoken here.
_CODE_WORDS: Final = (
    r"codes?|pin|otp|passcode|password|c[oó]digo|clave|contraseña|senha|codice|kode|kod|kodu|kodun|kodunuz"
    r"|şifre|şifreniz"
    r"|geheimzahl|mã|код|пин|пароль|கடவுச்சொல்|குறியீடு|कोड|पिन|ओटीपी|কোড|পিন|رمز|الرمز|رمزك|کد"
)
_CODE_WORDS_UNSPACED: Final = (
    r"验证码|驗證碼|密码|密碼|代码|代碼|인증번호|비밀번호|코드|認証コード|暗証番号|コード"
)

_IS: Final = "adalah|ialah"  # longer than other languages have it

_APART: Final = re.compile(rf"(?<![{WORD}.,/:-])\d(?:(?: |-|, )\d){{2,}}(?![{WORD}/:-]|[.,]\d)")
_AFTER_WORD: Final = re.compile(
    rf"((?<![{WORD}])(?:{_CODE_WORDS})(?![{WORD}])(?:\W{{1,2}}\w{{1,8}})?(?:\W(?:{_IS}|\w{{1,3}})){{0,2}}\W{{1,3}}"
    rf"|(?:{_CODE_WORDS_UNSPACED})[^\d]{{0,4}})(\d{{4,}})(?![{WORD}/:-]|[.,]\d)",
    re.IGNORECASE,
)
_INTERNATIONAL: Final = re.compile(
    rf"(?<![{WORD}+])\+ ?(\(?\d[\d ().-]{{5,}}\d)(?![{WORD}]|[.,]\d)"
)
_GROUPED: Final = re.compile(
    rf"(?<![{WORD}.,/:+-])\(?\d+\)?(?:(?: |-|\.|\) ?)\(?\d+\)?)+(?![{WORD}/:-]|[.,]\d)"
)
_SPACED: Final = re.compile(
    rf"(?<![{WORD}.,/:+-])(?<!\d )\d{{1,3}}(?: \d{{3}})+(?:[.,]\d+)?(?![{WORD}/:-]|[.,]\d| \d)"
)
_RANGE: Final = re.compile(
    rf"(?<![{WORD}.,/:+-])(?<!\d )(\d{{1,6}}) ?\u2013 ?(\d{{1,6}})(?![{WORD}/:\u2013-]|[.,]\d)"
)
_PERCENTAGE: Final = re.compile(rf"(?<![{WORD}.,])(\d+(?:[.,]\d+)?) ?%")
_PLAIN: Final = re.compile(rf"(?<![{WORD}.,/:+-])\d+(?![{WORD}/:-]|[.,]\d)")
_QUANTITY: Final = re.compile(
    rf"(?<![{WORD}.,/:+-])(?:\d{{1,3}}(?:[.,]\d{{2,3}})*[.,]\d+|\d{{4,12}}[.,]\d{{1,2}})(?![{WORD}/:-]|[.,]\d)"
)

_ORDINAL: Final = re.compile(rf"(?<![{WORD}.,])(\d{{1,2}})(e|ème|de|ste)(?![{WORD}])")
_ORDINALS: Final = {
    "fr": (
        "premier", "deuxième", "troisième", "quatrième", "cinquième", "sixième", "septième",
        "huitième", "neuvième", "dixième", "onzième", "douzième", "treizième",
        "quatorzième", "quinzième", "seizième", "dix-septième", "dix-huitième",
        "dix-neuvième", "vingtième",
    ),
    "nl": (
        "eerste", "tweede", "derde", "vierde", "vijfde", "zesde", "zevende", "achtste",
        "negende", "tiende", "elfde", "twaalfde", "dertiende", "veertiende", "vijftiende",
        "zestiende", "zeventiende", "achttiende", "negentiende", "twintigste",
    ),
}  # fmt: skip


def _apart(found: "re.Match[str]", _language: Tongue) -> str:
    return " ".join(_digits(found[0]))


def _after_word(found: "re.Match[str]", _language: Tongue) -> str:
    return f"{found[1]}{one_by_one(found[2])}"


def _international(found: "re.Match[str]", language: Tongue) -> str:
    return f"{_PLUS.get(language.language, '+')}{_in_groups(found[1])}"


def _grouped(found: "re.Match[str]", language: Tongue) -> str | None:
    """Seven digits or more, unless they are a quantity in the way of the language, or two years; fewer
    where a group begins with a zero, which would be lost."""
    text = found[0]
    groups = re.findall(r"\d+", text)
    separators = {character for character in text if not character.isdigit()}
    if "." in separators and min(map(len, groups)) < 2 and _is_dotted_name(groups):
        return None
    if sum(map(len, groups)) <= _LONGEST_QUANTITY and not (
        separators == {"-"} and any(len(group) > 1 and group[0] == "0" for group in groups)
    ):
        return None
    if len(groups) == 2 and all(len(group) == 4 and int(group) in _YEARS for group in groups):
        return None
    thousands = {" "} if language.groups_by_blank else {language.group}
    if separators == thousands and language.number(text) is not None and _by_thousands(groups):
        return language.written("".join(groups), "")
    return _in_groups(text)


def _is_dotted_name(groups: list[str]) -> bool:
    """A version, the address of a machine, or a quantity of another language: no number of a telephone."""
    is_address = len(groups) == 4 and all(int(group) < 256 for group in groups)
    return is_address or len(groups) < 3 or _by_thousands(groups)


def _by_thousands(groups: list[str]) -> bool:
    """Nobody writes a quantity of thousands with a zero in front."""
    return (
        groups[0][0] != "0" and len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
    )


def _spaced(found: "re.Match[str]", language: Tongue) -> str | None:
    """`1 234 567`, where a blank stands between thousands, or a decimal sign leaves no doubt."""
    number = language.number(found[0])
    if number is None or found[0][0] == "0" or not (language.groups_by_blank or number[1]):
        return None
    return language.written(*number)


def _range(found: "re.Match[str]", language: Tongue) -> str | None:
    """Between two numbers, a dash is silent."""
    pattern = through(language.tag)
    if pattern is None or any(len(found[n]) > 1 and found[n][0] == "0" for n in (1, 2)):
        return None
    return pattern.format(a=found[1], b=found[2])


def _plain(found: "re.Match[str]", language: Tongue) -> str | None:
    text = found[0]
    leads_with_zero = len(text) > 1 and text[0] == "0"
    if leads_with_zero or len(text) > _LONGEST_QUANTITY:
        return one_by_one(text)
    spoken = language.in_words(text)
    return None if spoken == text else spoken


def _quantity(found: "re.Match[str]", language: Tongue) -> str | None:
    number = language.number(found[0])
    if number is None or (found[0].startswith("0") and number[0] != "0"):
        return None
    return language.written(*number)


def _percentage(found: "re.Match[str]", language: Tongue) -> str | None:
    pattern = _PERCENT.get(language.language)
    return pattern and pattern.format(n=found[1])


def _ordinal(found: "re.Match[str]", language: Tongue) -> str | None:
    names = _ORDINALS.get(language.language, ())
    number = int(found[1])
    return names[number - 1] if 1 <= number <= len(names) else None


def _in_groups(text: str) -> str:
    """Digit by digit, with a comma, which is a pause, where something stood between the groups."""
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", text))


def one_by_one(text: str) -> str:
    """Digit by digit (or letter), with a pause after every three or four."""
    return ", ".join(" ".join(group) for group in _cut(text))


def _cut(digits: str) -> Iterator[str]:
    size = len(digits) if len(digits) <= 5 else 4 if len(digits) % 4 == 0 else 3
    while digits:
        if len(digits) < 2 * size and len(digits) <= 5:  # no digit is left alone
            size = len(digits)
        yield digits[:size]
        digits = digits[size:]


def _digits(text: str) -> Iterator[str]:
    return (character for character in text if character.isdigit())


RULES: Final = (
    (_APART, _apart),
    (_INTERNATIONAL, _international),
    (_AFTER_WORD, _after_word),
    (_SPACED, _spaced),
    (_GROUPED, _grouped),
    (_RANGE, _range),
    (_PERCENTAGE, _percentage),
    (_QUANTITY, _quantity),
    (_PLAIN, _plain),
    (_ORDINAL, _ordinal),
)
"""For `normalise`."""
