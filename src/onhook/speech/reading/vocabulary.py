"""What languages call the keys of a telephone, the parts of an address, and the like.

Words that are said on telephones where the language is spoken, as announcements there have them. CLDR
knows none of them.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """One language. `{n}` is a number, `{a}` and `{b}` are two of them."""

    star: str
    """The key `*`."""
    pound: str
    """The key `#`."""
    number: str
    """No. 5."""
    extension: str
    """ext. 12."""
    to: str
    """From 9:00 to 17:00."""
    dot: str = "dot"
    at: str = "at"
    slash: str = "slash"
    dash: str = "dash"


_ENGLISH: Final = Words("star", "pound", "number {n}", "extension {n}", "{a} to {b}")
_BRITISH: Final = Words("star", "hash", "number {n}", "extension {n}", "{a} to {b}")

# Where Latin words are spoken by the English voice, the parts of addresses are its affair.
_WORDS: Final = {
    "en": _ENGLISH,
    "en-GB": _BRITISH,
    "de": Words(
        "Stern", "Raute", "Nummer {n}", "Durchwahl {n}", "{a} bis {b}",
        "Punkt", "at", "Schrägstrich", "Bindestrich",
    ),
    "fr": Words(
        "étoile", "dièse", "numéro {n}", "poste {n}", "{a} à {b}",
        "point", "arobase", "barre oblique", "tiret",
    ),
    "es": Words(
        "asterisco", "almohadilla", "número {n}", "extensión {n}", "{a} a {b}",
        "punto", "arroba", "barra", "guion",
    ),
    "es-MX": Words(
        "asterisco", "gato", "número {n}", "extensión {n}", "{a} a {b}",
        "punto", "arroba", "diagonal", "guion",
    ),
    "it": Words(
        "asterisco", "cancelletto", "numero {n}", "interno {n}", "{a} alle {b}",
        "punto", "chiocciola", "barra", "trattino",
    ),
    "pt": Words(
        "asterisco", "cardinal", "número {n}", "extensão {n}", "{a} às {b}",
        "ponto", "arroba", "barra", "hífen",
    ),
    "pt-BR": Words(
        "asterisco", "jogo da velha", "número {n}", "ramal {n}", "{a} às {b}",
        "ponto", "arroba", "barra", "hífen",
    ),
    "nl": Words(
        "sterretje", "hekje", "nummer {n}", "toestel {n}", "{a} tot {b}",
        "punt", "apenstaartje", "schuine streep", "streepje",
    ),
    "pl": Words(
        "gwiazdka", "krzyżyk", "numer {n}", "wewnętrzny {n}", "{a} do {b}",
        "kropka", "małpa", "ukośnik", "myślnik",
    ),
    "tr": Words(
        "yıldız", "kare", "numara {n}", "dahili {n}", "{a} ile {b} arası",
        "nokta", "et", "eğik çizgi", "tire",
    ),
    "vi": Words(
        "dấu sao", "dấu thăng", "số {n}", "máy lẻ {n}", "{a} đến {b}",
        "chấm", "a còng", "gạch chéo", "gạch ngang",
    ),
    "id": Words(
        "bintang", "pagar", "nomor {n}", "ekstensi {n}", "{a} sampai {b}",
        "titik", "at", "garis miring", "strip",
    ),
    "ms": Words(
        "bintang", "pagar", "nombor {n}", "sambungan {n}", "{a} hingga {b}",
        "titik", "at", "garis miring", "sengkang",
    ),
    "ru": Words("звёздочка", "решётка", "номер {n}", "добавочный {n}", "{a} до {b}"),
    "uk": Words("зірочка", "решітка", "номер {n}", "додатковий {n}", "{a} до {b}"),
    "hi": Words("स्टार", "हैश", "नंबर {n}", "एक्सटेंशन {n}", "{a} से {b} तक"),
    "bn": Words("স্টার", "হ্যাশ", "নম্বর {n}", "এক্সটেনশন {n}", "{a} থেকে {b}"),
    "ta": Words("நட்சத்திரம்", "ஹாஷ்", "எண் {n}", "நீட்டிப்பு {n}", "{a} முதல் {b} வரை"),
    "ar": Words("نجمة", "مربع", "رقم {n}", "تحويلة {n}", "{a} إلى {b}"),
    "fa": Words("ستاره", "مربع", "شماره {n}", "داخلی {n}", "{a} تا {b}"),
    "zh": Words("星号", "井号", "{n}号", "分机{n}", "{a}至{b}"),
    "zh-TW": Words("米字", "井字", "{n}號", "分機{n}", "{a}至{b}"),
    "zh-HK": Words("星字", "井字", "{n}號", "內線{n}", "{a}至{b}"),
    "ko": Words("별표", "우물 정자", "{n}번", "내선 {n}", "{a}부터 {b}까지"),
    "ja": Words("米印", "シャープ", "{n}番", "内線{n}", "{a}から{b}"),
}  # fmt: skip

# From 5 to 10, where that is another word than for times.
_THROUGH: Final = {"it": "{a} a {b}", "pt": "{a} a {b}"}

# All hours of all days, and seconds, where Babel has no names for them.
_ALWAYS: Final = {
    "it": ("24 ore", "7 giorni"), "pt": ("24 horas", "7 dias"), "nl": ("24 uur", "7 dagen"),
    "tr": ("24 saat", "7 gün"), "vi": ("24 giờ", "7 ngày"), "ms": ("24 jam", "7 hari"),
    "bn": ("24 ঘণ্টা", "7 দিন"), "ar": ("24 ساعة", "7 أيام"), "fa": ("24 ساعت", "7 روز"),
    "zh": ("24小时", "7天"), "zh-TW": ("24小時", "7天"), "zh-HK": ("24小時", "7日"),
    "ko": ("24시간", "7일"), "ja": ("24時間", "7日"),
}  # fmt: skip
_SECONDS: Final = {
    "vi": "{n} giây", "ms": "{n} saat", "bn": "{n} সেকেন্ড", "fa": "{n} ثانیه", "zh": "{n}秒",
    "ko": "{n}초", "ja": "{n}秒",
}  # fmt: skip

UNSPACED: Final = frozenset({"zh", "ja"})
"""Languages that put no blank between words."""

LETTERS: Final = {("pl", "w"): "wu"}
"""How a letter is written that the engine takes for a word."""


def through(tag: str) -> str | None:
    """From one number to another, as `Words.to` is for times."""
    named = words(tag)
    return _THROUGH.get(tag.partition("-")[0].lower(), named.to) if named is not None else None


def always(tag: str) -> tuple[str, str] | None:
    """24 hours, and 7 days; None where Babel names them."""
    return _ALWAYS.get(tag) or _ALWAYS.get(tag.partition("-")[0].lower())


def seconds(tag: str, count: int) -> str | None:
    """So many seconds; None where Babel names them."""
    pattern = _SECONDS.get(tag.partition("-")[0].lower())
    return pattern and pattern.format(n=count)


def words(tag: str) -> Words | None:
    """Those of a language tag (RFC 5646), of its language, or None."""
    return _WORDS.get(tag) or _WORDS.get(tag.partition("-")[0].lower())
