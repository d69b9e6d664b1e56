"""Registries that are complete by construction: what has no entry is a fault at import, not at a call."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

Key = TypeVar("Key")
Entry = TypeVar("Entry")


def complete(what: str, wanted: Iterable[Key], found: Mapping[Key, Entry]) -> Mapping[Key, Entry]:
    """``found``, which has an entry for each of ``wanted`` and for nothing else.

    ``what`` names an entry in the TypeError that is raised otherwise.
    """
    keys = dict.fromkeys(wanted)
    without = [_name(key) for key in keys if key not in found]
    unknown = [_name(key) for key in found if key not in keys]
    if without:
        raise TypeError(f"no {what} for {', '.join(without)}")
    if unknown:
        raise TypeError(f"a {what} for what does not exist: {', '.join(unknown)}")
    return found


def _name(key: object) -> str:
    return key.__name__ if isinstance(key, type) else str(key)
