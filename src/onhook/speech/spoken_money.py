"""Amounts of money, in the words of a language."""

import re
from typing import Final

from onhook.speech.tongue import WORD, Tongue

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
_IN_CENTS: Final = frozenset(["USD", "SGD", "HKD", "TWD", "AUD", "CAD", "NZD", "EUR", "ZAR"])
_LONGEST: Final = 24  # characters of an amount
_NAMED_AFTER_A_DECIMAL: Final = ("zh", "ja", "ko")  # 12.5美元

_SCALE: Final = (
    r"thousand|million|billion|trillion|Tausend|Millionen|Milliarden|mille|millions?|milliards?"
    r"|mil|millones|milhões|milioni|miliardi|juta|miliar|ribu|triệu|tỷ|тысяч|миллионов|млн|млрд"
    r"|тис|мільйонів|만|억|万|亿|萬|億|लाख|करोड़"
)
_NUMBER: Final = r"\d+(?:[.,\u00a0\u202f'\u2019]\d+){0,8}"
_SIGN: Final = "|".join(re.escape(sign) for sign in sorted(_SYMBOLS, key=len, reverse=True))
_CODE: Final = "|".join(_CODES)

_BEFORE: Final = re.compile(
    rf"(?<![{WORD}])({_SIGN}|{_CODE})[ \u00a0\u202f]?({_NUMBER})(?![{WORD}%]|[.,-]\d)"
    rf"(?: ?({_SCALE})(?![a-z]))?"
)
_AFTER: Final = re.compile(
    rf"(?<![{WORD}.,-])({_NUMBER})(?: ?({_SCALE}))?[ \u00a0\u202f]?([€£¥₩₫₺₽₴৳₹$]|zł|{_CODE})(?![{WORD}])"
)


def _before(found: "re.Match[str]", language: Tongue) -> str | None:
    return _spoken(found[1], found[2], found[3] or "", language)


def _after(found: "re.Match[str]", language: Tongue) -> str | None:
    return _spoken(found[3], found[1], found[2] or "", language)


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
    return f"{name.after(whole, int(whole))} {minor}"


class _Name:
    """The name of a currency beside its amount."""

    def __init__(self, sign: str, currency: str, language: Tongue) -> None:
        self.currency = currency
        self._dollars = sign == "$" and language.language == "en"
        self._language = language

    def after(self, amount: str, count: int) -> str:
        gap = "" if self._language.language in ("zh", "ja") else " "
        return f"{amount}{gap}{self._of(count)}"

    def cents(self, count: int) -> str | None:
        usual = ("cent", "cents") if self.currency in _IN_CENTS else None
        names = _CENTS.get(self.currency, usual)
        return names and f"{count} {names[count != 1]}"

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


RULES: Final = ((_BEFORE, _before), (_AFTER, _after))
"""For `normalise`."""
