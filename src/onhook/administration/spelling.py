"""What somebody may have meant who wrote a name that nobody knows. Imports nothing heavy."""

import difflib
from collections.abc import Iterable

_CLOSE = 0.8
"""How alike two names are (difflib) of which one is taken for a misspelling of the other."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The name that this one may be meant for; empty if it is like none."""
    plain = name.lower().replace("-", "_")
    return next(iter(difflib.get_close_matches(plain, sorted(known), n=1, cutoff=_CLOSE)), "")
