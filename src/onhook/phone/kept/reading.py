"""Reads what was kept, value by value: it may be of another version, or broken. Pure."""

from collections.abc import Mapping
from enum import Enum
from math import isfinite
from typing import NoReturn, TypeVar

from onhook.phone.addresses import Address, unlisted

Kept = Mapping[str, object]
"""A JSON object."""
Pairs = tuple[tuple[str, str], ...]
E = TypeVar("E", bound=Enum)


class KeptUnreadable(ValueError):
    """What was kept of a leg is of another version, or is not what was written; the text says where."""


class Fields:
    """A JSON object, and what its values have to be; `KeptUnreadable` for any that is not.

    `of` says what it is about, for the error.
    """

    __slots__ = ("_data", "_of")

    def __init__(self, data: object, of: str) -> None:
        if not isinstance(data, Mapping):
            raise KeptUnreadable(f"{of} is no object")
        self._data: Mapping[str, object] = data
        self._of = of

    def has(self, name: str) -> bool:
        """Whether there is such a value, and it is not null."""
        return self._data.get(name) is not None

    def text(self, name: str) -> str:
        """A text."""
        value = self._data.get(name)
        return value if isinstance(value, str) else self._bad(name)

    def number(self, name: str) -> int:
        """A whole number."""
        value = self._data.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else self._bad(name)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._data.get(name)
        return value if isinstance(value, bool) else self._bad(name)

    def seconds(self, name: str) -> float | None:
        """A time or a wait; None where there is none."""
        value = self._data.get(name)
        if value is None:
            return None
        fits = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        return float(value) if fits and isinstance(value, int | float) else self._bad(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Several texts."""
        value = self._data.get(name)
        if not isinstance(value, list):
            self._bad(name)
        texts = tuple(one for one in value if isinstance(one, str))
        return texts if len(texts) == len(value) else self._bad(name)

    def numbers(self, name: str) -> tuple[int, ...]:
        """Several whole numbers."""
        value = self._data.get(name)
        if not isinstance(value, list):
            self._bad(name)
        found = tuple(one for one in value if isinstance(one, int) and not isinstance(one, bool))
        return found if len(found) == len(value) else self._bad(name)

    def pairs(self, name: str) -> Pairs:
        """Header lines: names and values."""
        value = self._data.get(name)
        if not isinstance(value, list):
            self._bad(name)
        found: list[tuple[str, str]] = []
        for one in value:
            match one:
                case [str(key), str(said)]:
                    found.append((key, said))
                case _:
                    self._bad(name)
        return tuple(found)

    def address(self, name: str, *, names: bool = False) -> Address:
        """An address, as `addresses.listed` writes it; with `names` its host need not be numeric."""
        try:
            return unlisted(self._data.get(name), names=names)
        except ValueError:
            self._bad(name)

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Several numeric ones."""
        value = self._data.get(name)
        if not isinstance(value, list):
            self._bad(name)
        try:
            return tuple(unlisted(one) for one in value)
        except ValueError:
            self._bad(name)

    def choice(self, name: str, kind: type[E]) -> E:
        """A member of an enum, written as its name in small letters."""
        found = kind.__members__.get(self.text(name).upper())
        return found if found is not None else self._bad(name)

    def array(self, name: str) -> list[object]:
        """An array, whatever is in it."""
        value = self._data.get(name)
        return value if isinstance(value, list) else self._bad(name)

    def part(self, name: str) -> "Fields":
        """An object within."""
        return Fields(self._data.get(name), f"{self._of}.{name}")

    def parts(self, name: str) -> tuple["Fields", ...]:
        """Several."""
        value = self._data.get(name)
        if not isinstance(value, list):
            self._bad(name)
        return tuple(Fields(one, f"{self._of}.{name}") for one in value)

    def mapping(self, name: str) -> Mapping[str, object]:
        """An object within, as it is."""
        value = self._data.get(name)
        return value if isinstance(value, Mapping) else self._bad(name)

    def _bad(self, name: str) -> NoReturn:
        raise KeptUnreadable(f"{self._of} has no such {name}")
