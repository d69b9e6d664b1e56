"""Trunks in a TOML file: a table each, whose keys are the options of ``onhook trunk add``."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onhook.administration.errors import NotPossible
from onhook.administration.spelling import nearest
from onhook.administration.trunk_options import OPTIONS


@dataclass(frozen=True, slots=True)
class WrittenTrunk:
    """One table; ``like`` names a carrier, or is empty."""

    name: str
    options: Mapping[str, object]
    like: str = ""


def read_trunks(path: Path) -> Sequence[WrittenTrunk]:
    """The trunks of a file, in its order. Raises :class:`NotPossible`, which names the file, and where
    it can the trunk and the key."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotPossible(f"The file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise NotPossible(f"The file {path} is not in UTF-8.") from error
    return written_trunks(text, str(path))


def written_trunks(text: str, source: str) -> Sequence[WrittenTrunk]:
    """The same of a text that came from ``source``."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotPossible(f"The file {source} is not TOML: {error}.") from error
    except RecursionError as error:
        raise NotPossible(
            f"The file {source} is not TOML that can be read: it is too deep."
        ) from error
    if not tables:
        raise NotPossible(f"The file {source} has no trunk: a table such as [carrier] is one.")
    return [_trunk(source, name, table) for name, table in tables.items()]


def _trunk(source: str, name: str, table: object) -> WrittenTrunk:
    if not isinstance(table, dict):
        raise NotPossible(
            f"{source}: {name} stands above the first table; each trunk is a table, such as [carrier]."
        )
    options = {str(key).replace("-", "_"): value for key, value in table.items()}
    like = options.pop("like", "")
    if not isinstance(like, str):
        raise NotPossible(f"{source}: [{name}] like is the name of a carrier.")
    for key in options:
        if key not in OPTIONS:
            close = nearest(key, [*OPTIONS, "like"])
            hint = f"did you mean {close}?" if close else "see 'onhook trunk add --help'."
            raise NotPossible(f"{source}: [{name}] has a key that is unknown: {key}; {hint}")
    return WrittenTrunk(name, options, like)
