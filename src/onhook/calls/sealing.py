"""The secrets of what a leg keeps: they are written encrypted, under the key of the data directory."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

_SECRETS: Final = "keys"
"""Where a leg keeps them: texts by their names."""


class Sealing:
    """Encrypts the keys of legs, and decrypts them. It may be used in any thread."""

    def __init__(self, encrypt: Callable[[str], str], decrypt: Callable[[str], str]) -> None:
        self._encrypt = lru_cache(maxsize=4096)(encrypt)  # a call is written ten times
        self._decrypt = decrypt

    def sealed(self, kept: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a leg kept, for the record."""
        return self._with(kept, self._encrypt)

    def opened(self, written: Mapping[str, Any]) -> Mapping[str, Any]:
        """The reverse. Raises what ``decrypt`` does for another key."""
        return self._with(written, self._decrypt)

    def _with(self, kept: Mapping[str, Any], change: Callable[[str], str]) -> Mapping[str, Any]:
        secrets = kept.get(_SECRETS)
        if not secrets:
            return kept
        return {**kept, _SECRETS: {name: change(text) for name, text in secrets.items()}}
