"""What is known of a carrier or a PBX: ``carriers.toml``, a table for each, which ``--like`` begins with.

A table has options of a trunk, ``about`` (one sentence), ``page`` (where the documentation has more), and
``needs``: which options only the operator knows, and what they are. ``{username}`` in an option is the user
name that was given.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from onhook.administration.errors import NotPossible
from onhook.administration.spelling import nearest

_BESIDES = ("about", "page", "needs")


@dataclass(frozen=True, slots=True)
class Preset:
    """A carrier's table."""

    name: str
    about: str
    page: str
    options: Mapping[str, Any]
    needs: Mapping[str, str]

    def with_(self, given: Mapping[str, object]) -> Mapping[str, object]:
        """The options of the table, and over them those that are given."""
        username = str(given.get("username", ""))
        filled = {
            name: value.replace("{username}", username) if isinstance(value, str) else value
            for name, value in self.options.items()
        }
        return {**filled, **given}

    def check(self, given: Mapping[str, object]) -> None:
        """Raises :class:`NotPossible` if something is missing that only the operator knows."""
        for option, what in self.needs.items():
            if not given.get(option):
                raise NotPossible(
                    f"A trunk like {self.name} needs --{option.replace('_', '-')}: {what}; see {self.page}."
                )


def all_presets() -> Mapping[str, Preset]:
    """By name."""
    text = files("onhook.administration").joinpath("carriers.toml").read_text(encoding="utf-8")
    return {name: _preset(name, table) for name, table in tomllib.loads(text).items()}


def preset(name: str) -> Preset:
    """The table of a carrier; :class:`NotPossible` if there is none."""
    known = all_presets()
    if name in known:
        return known[name]
    close = nearest(name, known)
    hint = f"did you mean {close}?" if close else f"there are {', '.join(known)}."
    raise NotPossible(f"No carrier {name[:40]!r} is known: {hint}")


def _preset(name: str, table: Mapping[str, Any]) -> Preset:
    options = {key: value for key, value in table.items() if key not in _BESIDES}
    return Preset(name, table["about"], table["page"], options, table.get("needs", {}))
