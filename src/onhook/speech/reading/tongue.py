"""How a language writes numbers and dates, and what it calls things: CLDR, by way of Babel."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from onhook.speech.reading import spoken_numbers

if TYPE_CHECKING:  # at run time it is imported where it is needed: the process is ready sooner
    from babel import Locale

WORD: Final = "0-9A-Za-z_\u00c0-\u024f"
"""Characters that a number is part of a word with: in other scripts words may touch numbers."""

_ROOT: Final = "en"
_GROUPS_READ: Final = "en"
_LONGEST_GROUPED: Final = 24

# Where the engine passes over the decimal sign, or reads a fraction of it that is none.
_POINTS: Final = {"zh-HK": "點", "ko": " 점 ", "ru": " запятая ", "uk": " кома "}


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language. `known` is whether CLDR has it; if not, it is written as English is."""

    tag: str
    language: str
    known: bool
    decimal: str
    group: str
    order: str
    """The order of a date's parts where they are only numbers, such as `dmy`."""
    dotted: bool
    """Whether a dot stands between hours and minutes."""
    locale: "Locale"

    @property
    def groups_by_blank(self) -> bool:
        """Whether a blank stands between thousands."""
        return self.group in ("\u00a0", "\u202f")

    def number(self, text: str) -> tuple[str, str] | None:
        """The whole part and the fraction of a number, without separators; None for what is none.

        The last of two kinds of separator is the decimal one, and so is a single one with other
        than three digits after it. A single one with three is what the language says it is.
        """
        separators = [character for character in text if not character.isdigit()]
        if not separators:
            return text, ""
        last = separators[-1]
        whole, _, fraction = text.rpartition(last)
        if separators.count(last) > 1:
            is_decimal = False
        elif len(set(separators)) > 1 or len(fraction) != 3:
            is_decimal = last in ".,"
        else:
            is_decimal = last == self.decimal
        if not is_decimal:
            whole, fraction = text, ""
        first, *groups = _split(whole)
        if groups and not (1 <= len(first) <= 3 and _grouped(groups)):
            return None
        return "".join((first, *groups)), fraction

    def written(self, whole: str, fraction: str) -> str:
        """A number as the engine of this language reads it, with its own decimal sign.

        Without groups, but in English, where four digits alone are read as a year; in words where the
        engine does not know large numbers, or passes over the decimal sign.
        """
        if self.language == _GROUPS_READ and len(whole) <= _LONGEST_GROUPED:
            whole = f"{int(whole):,}"
        whole = self.in_words(whole)
        if not fraction:
            return whole
        point = _POINTS.get(self.tag) or _POINTS.get(self.language)
        if point is None and self.language == "zh" and not whole.isascii():
            point = "点" if self.tag == "zh-CN" else "點"
        if point is not None:
            return f"{whole}{point}{' '.join(fraction)}"
        return f"{whole}{self.decimal}{fraction}"

    def in_words(self, whole: str) -> str:
        """A whole number, written out where digits are misread."""
        return spoken_numbers.in_words(whole, self.tag)


@lru_cache(maxsize=256)
def tongue(tag: str) -> Tongue:
    """What is known of the language of a tag (RFC 5646)."""
    from babel import Locale, UnknownLocaleError

    language = tag.partition("-")[0].lower()
    locale = None
    for name in (tag, language):
        try:
            locale = Locale.parse(name, sep="-")
            break
        except (ValueError, UnknownLocaleError):
            continue
    known = locale is not None
    if locale is None:
        locale = Locale.parse(_ROOT)
    symbols = locale.number_symbols
    symbols = symbols.get("latn", symbols)
    pattern = str(locale.date_formats["short"].pattern).lower()
    order = "".join(sorted("dmy", key=pattern.find))
    time = str(locale.time_formats["short"].pattern)
    dotted = known and "." in time and ":" not in time
    return Tongue(tag, language, known, symbols["decimal"], symbols["group"], order, dotted, locale)


def _grouped(groups: list[str]) -> bool:
    """Whether the digits are grouped by thousands, or as in India: 12,34,567."""
    return len(groups[-1]) == 3 and {len(group) for group in groups[:-1]} in ({3}, {2}, set())


def _split(whole: str) -> list[str]:
    return "".join(character if character.isdigit() else " " for character in whole).split(" ")
