"""The languages that the formant engine speaks well enough to be offered.

Left out are those that it reads wrongly without saying so: Thai, Hebrew, Burmese, Japanese with kanji,
and those whose speech nobody has listened to. They are refused; English is no substitute.
"""

from dataclasses import dataclass
from typing import Final

from onhook.speech.scripts import (
    ARABIC,
    BENGALI,
    CYRILLIC,
    DEVANAGARI,
    HAN,
    HANGUL,
    LATIN,
    TAMIL,
)


@dataclass(frozen=True, slots=True)
class Language:
    """A language tag (RFC 5646), the engine's exact id for it, and the letters that it reads.

    The id has to be exact: for one that it does not know the engine keeps the voice that it had.
    Latin words within another script are mostly read by a voice of their own: see `reading`.
    """

    tag: str
    voice: str
    scripts: tuple[str, ...] = (LATIN,)
    remark: str = ""
    speakers: tuple[str, str] = ("f3", "m3")
    """The engine's woman and man. Who is clearest on the telephone differs from language to language."""


_LOUDER: Final = "f5"  # her consonants are
_DEEPER: Final = "m7"


# Of several tags of one language, the first is what the bare language means.
LANGUAGES: Final = (
    Language("en-GB", "en"),
    Language("zh-CN", "cmn", (HAN, LATIN)),
    Language("zh-TW", "cmn", (HAN, LATIN), "mainland accent"),
    Language("zh-HK", "yue", (HAN, LATIN), "Cantonese, colloquial characters too"),
    Language("es-ES", "es"),
    Language("es-MX", "es-419"),
    Language("fr", "fr"),
    Language("de", "de"),
    Language("it", "it"),
    Language("pt-PT", "pt", speakers=(_LOUDER, "m3")),
    Language("pt-BR", "pt-br"),
    Language("ru", "ru", (CYRILLIC, LATIN), speakers=(_LOUDER, _DEEPER)),
    Language("ko", "ko", (HANGUL, LATIN)),
    Language("ms", "ms"),
    Language("id", "id"),
    Language("ta", "ta", (TAMIL, LATIN)),
    Language("hi", "hi", (DEVANAGARI, LATIN)),
    Language("vi", "vi"),
    Language("tr", "tr", speakers=(_LOUDER, "m3")),
    Language("nl", "nl"),
    Language("pl", "pl"),
    Language("uk", "uk", (CYRILLIC, LATIN), speakers=(_LOUDER, _DEEPER)),
    Language("bn", "bn", (BENGALI, LATIN)),
    Language("fa", "fa", (ARABIC, LATIN)),
    Language("ar", "ar", (ARABIC, LATIN), "poor without vowel signs"),
)
