"""Cutting a text at the words of Latin letters that stand in it, for languages of other scripts."""

import re
from collections.abc import Iterator
from typing import Final

_LATIN: Final = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_WORD: Final = f"[0-9]*[{_LATIN}][{_LATIN}0-9]*"

# Words, and what holds words together: `A380`, `AT&T`, `Mr. O'Neill`, `support@example.com`.
_RUN: Final = re.compile(
    rf"{_WORD}(?:[ '\u2019&@./+-]{{1,3}}{_WORD})*(?:[ -][0-9]{{1,4}}(?![0-9]))?"
)


def latin_runs(text: str) -> Iterator[tuple[bool, str]]:
    """The stretches of `text`, in their order, and of each whether it is words of Latin letters.

    Digits within such words, and a number of up to four right after them, belong to them.
    """
    start = 0
    for found in _RUN.finditer(text):
        if found.start() > start:
            yield False, text[start : found.start()]
        yield True, found[0]
        start = found.end()
    if start < len(text):
        yield False, text[start:]
