"""From a text to the phonemes of its sentences, with the marks at which a voice rises and falls."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

Phonemes: TypeAlias = Callable[[Sequence[str]], Sequence[str]]
"""Writes each of some clauses in phonemes."""

# A clause and the mark that ends it; the dot of a title, or within a number, ends none. The marks of
# Chinese and of Indian languages need no blank after them.
_CLAUSE: Final = re.compile(
    r"(.*?)(?:((?:(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.]|[!?,;:\u2026])+(?=\s|$)"
    r"|[\u3002\uff01\uff1f\uff0c\u3001\uff1b\uff1a\u0964\u061f\u060c]+)|$)\s*",
    re.DOTALL,
)
_PLAIN_MARKS: Final = str.maketrans(
    "\u2026\u3002\uff01\uff1f\uff0c\u3001\uff1b\uff1a\u0964\u061f\u060c", "..!?,,;:.?,"
)
_SENTENCE_ENDS: Final = ".!?"
_LANGUAGE_SWITCH: Final = re.compile(r"\([a-z-]*\)")  # the phonemes of a foreign word are marked


def phonetic_sentences(text: str, phonemes: Phonemes) -> Iterator[str]:
    """The phonemes of each sentence. Raises what `phonemes` raises."""
    clauses = [found.groups() for found in _CLAUSE.finditer(text) if found[1].strip()]
    if not clauses:
        return
    sentence = ""
    for found, (_, marks) in zip(phonemes([clause for clause, _ in clauses]), clauses, strict=True):
        mark = (marks or "").translate(_PLAIN_MARKS)[-1:]
        sentence += _LANGUAGE_SWITCH.sub("", found) + mark
        if mark and mark in _SENTENCE_ENDS:
            yield sentence
            sentence = ""
        else:
            sentence += " "
    if sentence:
        yield sentence
