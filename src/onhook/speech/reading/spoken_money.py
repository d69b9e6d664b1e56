"""Amounts of money, in the words of a language."""

import re
from typing import Final

from onhook.speech.reading import spoken_numbers
from onhook.speech.reading.tongue import WORD, Tongue

_SYMBOLS: Final = {
    "US$": "USD", "S$": "SGD", "HK$": "HKD", "NT$": "TWD", "A$": "AUD", "AU$": "AUD", "C$": "CAD",
    "CA$": "CAD", "NZ$": "NZD", "MX$": "MXN", "R$": "BRL", "$": "USD", "€": "EUR", "£": "GBP",
    "¥": "JPY", "￥": "JPY", "₹": "INR", "₩": "KRW", "₫": "VND", "₺": "TRY", "₽": "RUB", "₴": "UAH",
    "৳": "BDT", "₱": "PHP", "฿": "THB", "₪": "ILS", "₦": "NGN", "zł": "PLN", "RM": "MYR", "Rp": "IDR",
}  # fmt: skip
_CODES: Final = (
    "USD", "EUR", "GBP", "SGD", "HKD", "TWD", "CNY", "RMB", "JPY", "KRW", "INR", "IDR",
    "MYR", "THB", "VND", "PHP", "AUD", "NZD", "CAD", "CHF", "SEK", "NOK", "DKK", "PLN",
    "CZK", "HUF", "RON", "BGN", "UAH", "RUB", "BRL", "MXN", "ZAR", "AED", "SAR", "QAR",
    "KWD", "EGP", "ILS", "PKR", "BDT", "LKR", "NGN", "KES",
)  # fmt: skip
"""Codes of ISO 4217 that are no word in capitals, as TRY, ALL and TOP are."""

# What a sign that many countries share means where a language is spoken.
_LOCAL: Final = {
    ("$", "es-MX"): "MXN",
    ("$", "zh-HK"): "HKD",
    ("$", "zh-TW"): "TWD",
    ("¥", "zh-CN"): "CNY",
    ("￥", "zh-CN"): "CNY",
}

_CENTS: Final = {"GBP": ("penny", "pence"), "MYR": ("sen", "sen"), "INR": ("paisa", "paise")}
_HUNDREDTHS: Final = {
    ("ru", "RUB"): {"one": "копейка", "few": "копейки", "many": "копеек"},
    ("uk", "UAH"): {"one": "копійка", "few": "копійки", "many": "копійок"},
}
_IN_CENTS: Final = frozenset(["USD", "SGD", "HKD", "TWD", "AUD", "CAD", "NZD", "EUR", "ZAR"])
_LONGEST: Final = 24  # characters of an amount
_NAMED_AFTER_A_DECIMAL: Final = ("zh", "ja", "ko")  # 12.5美元

SCALE: Final = (
    r"thousand|million|billion|trillion|Tausend|Millionen|Milliarden|mille|millions?|milliards?"
    r"|mil|millones|milhões|milioni|miliardi|juta|miliar|ribu|triệu|tỷ|тысяч|миллионов|млн|млрд"
    r"|тис|мільйонів|만|억|万|亿|萬|億|लाख|करोड़"
)
"""Words that multiply the number before them."""
_NUMBER: Final = r"\d+(?:[.,'\u2019]\d+){0,8}"
_SPACED: Final = (
    r"\d{1,3}(?: \d{3}){1,6}(?:[.,]\d{1,2})?"  # any blank: `markup` has made them all one
)
_SIGN: Final = "|".join(re.escape(sign) for sign in sorted(_SYMBOLS, key=len, reverse=True))
_CODE: Final = "|".join(_CODES)

_BEFORE_SPACED: Final = re.compile(
    rf"(?<![{WORD}])({_SIGN}|{_CODE}) ?({_SPACED})(?![{WORD}%]|[.,-]\d| \d)(?: ?({SCALE})(?![a-z]))?"
)
_BEFORE: Final = re.compile(
    rf"(?<![{WORD}])({_SIGN}|{_CODE})[ \u00a0\u202f]?({_NUMBER})(?![{WORD}%]|[.,-]\d)"
    rf"(?: ?({SCALE})(?![a-z]))?"
)
_AFTER: Final = re.compile(
    rf"(?<![{WORD}.,-])(?<!\d )({_SPACED}|{_NUMBER})(?: ?({SCALE}))?[ \u00a0\u202f]?"
    rf"(?:([€£¥₩₫₺₽₴৳₹$]|zł|{_CODE})(?![{WORD}])|(руб|грн)(?!\w)\.?)"
)
_WORDS: Final = {"руб": "RUB", "грн": "UAH"}


def _before(found: "re.Match[str]", language: Tongue) -> str | None:
    return _spoken(found[1], found[2], found[3] or "", language)


def _before_spaced(found: "re.Match[str]", language: Tongue) -> str | None:
    """Where a blank may stand between thousands; else the number ends before it."""
    number = language.number(found[2])
    if number is None or not (number[1] or language.groups_by_blank):
        return None
    return _before(found, language)


def _after(found: "re.Match[str]", language: Tongue) -> str | None:
    sign = found[3] or _WORDS[found[4]]
    return _spoken(sign, found[1], found[2] or "", language)


def _spoken(sign: str, amount: str, scale: str, language: Tongue) -> str | None:
    number = language.number(amount)
    if number is None or not language.known or len(amount) > _LONGEST:
        return None
    whole, fraction = number
    whole = whole.lstrip("0") or "0"
    currency = _LOCAL.get((sign, language.tag)) or _SYMBOLS.get(sign) or sign
    name = _Name(sign, "CNY" if currency == "RMB" else currency, language)
    if scale:
        return _scaled(language.written(whole, fraction), scale, name)
    if not fraction.strip("0"):
        return name.after(language.written(whole, ""), int(whole))
    if len(fraction) != 2 or language.language in _NAMED_AFTER_A_DECIMAL:
        return name.after(language.written(whole, fraction.rstrip("0")), 2)
    minor = int(fraction)
    if language.language == "en":
        return _with_cents(language.written(whole, ""), int(whole), minor, name)
    told = name.after(language.written(whole, ""), int(whole))
    return f"{told} {minor}{name.hundredths(minor)}"


class _Name:
    """The name of a currency beside its amount."""

    def __init__(self, sign: str, currency: str, language: Tongue) -> None:
        self.currency = currency
        self._dollars = sign == "$" and language.language == "en"
        self._language = language

    def after(self, amount: str, count: int) -> str:
        if self.currency == "UAH":
            amount = spoken_numbers.feminine(amount)
        gap = "" if self._language.language in ("zh", "ja") else " "
        return f"{amount}{gap}{self._of(count)}"

    def cents(self, count: int) -> str | None:
        usual = ("cent", "cents") if self.currency in _IN_CENTS else None
        names = _CENTS.get(self.currency, usual)
        return names and f"{count} {names[count != 1]}"

    def hundredths(self, count: int) -> str:
        """What they are called where nobody leaves that out; with a blank before it."""
        forms = _HUNDREDTHS.get((self._language.language, self.currency))
        if forms is None:
            return ""
        plural = self._language.locale.plural_form(count)
        return f" {forms.get(plural, forms['many'])}"

    def _of(self, count: int) -> str:
        if self._dollars:
            return "dollar" if count == 1 else "dollars"
        from babel.numbers import get_currency_name

        return get_currency_name(self.currency, count=count, locale=self._language.locale)


def _scaled(amount: str, scale: str, name: _Name) -> str:
    return name.after(f"{amount} {scale}" if scale.isascii() else f"{amount}{scale}", 1_000_000)


def _with_cents(amount: str, whole: int, minor: int, name: _Name) -> str:
    cents = name.cents(minor)
    if cents is None:
        return f"{name.after(amount, whole)} {minor}"
    return cents if whole == 0 else f"{name.after(amount, whole)} and {cents}"


RULES: Final = ((_BEFORE_SPACED, _before_spaced), (_BEFORE, _before), (_AFTER, _after))
"""For `normalise`."""
