"""Finds pages of the reference by their words, without a script in the browser. Pure."""

import html
import re
from collections.abc import Sequence
from typing import Final

from onhook.api.docs_site import QUERY_MAX, Page

AROUND_CHARS: Final = 80
"""How much of the text stands before and after what was found."""

_TAG: Final = re.compile(r"<[^>]*>")
_BLANKS: Final = re.compile(r"\s+")


def search(site: Sequence[Page], query: str) -> list[tuple[Page, str]]:
    """Pages that have every word of ``query``, best first, each with the text around the first.

    A word counts wherever it stands, also within a name (``url`` finds ``notify_url``). Pages whose
    title has a word come first, then those whose summary has it, then the others in the menu's order.
    """
    words = query[:QUERY_MAX].casefold().split()
    if not words:
        return []
    found: list[tuple[int, Page, str]] = []
    for page in site:
        text = plain(page)
        if all(word in text.casefold() for word in words):
            found.append((_rank(page, words), page, _around(text, words[0])))
    found.sort(key=lambda one: one[0])
    return [(page, around) for _, page, around in found]


def plain(page: Page) -> str:
    """What a page says, as one line of text."""
    inside = html.unescape(_TAG.sub(" ", " ".join(page.content)))
    return _BLANKS.sub(" ", f"{page.title} {page.summary} {inside}").strip()


def _rank(page: Page, words: Sequence[str]) -> int:
    if any(word in page.title.casefold() for word in words):
        return 0
    return 1 if any(word in page.summary.casefold() for word in words) else 2


def _around(text: str, word: str) -> str:
    """Whole words only; ``word`` is in the text."""
    at = text.casefold().find(word)
    before, after = text[:at], text[at:]
    if len(before) > AROUND_CHARS:
        before = "… " + before[-AROUND_CHARS:].partition(" ")[2]
    if len(after) > len(word) + AROUND_CHARS:
        after = after[: len(word) + AROUND_CHARS].rpartition(" ")[0] + " …"
    return before + after
