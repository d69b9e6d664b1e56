"""Trunks in a TOML file: a table each, whose keys are the options of ``onhook trunk add``."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onhook.cli.errors import CommandError
from onhook.cli.trunk_options import OPTIONS
from onhook.server.settings_names import nearest


@dataclass(frozen=True, slots=True)
class WrittenTrunk:
    """One table; ``like`` names a carrier, or is empty."""

    name: str
    options: Mapping[str, object]
    like: str = ""


def read_trunks(path: Path) -> Sequence[WrittenTrunk]:
    """The trunks of a file, in its order. Raises :class:`CommandError`, which names the file, and where
    it can the trunk and the key."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"The file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"The file {path} is not in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"The file {path} is not TOML: {error}.") from error
    if not tables:
        raise CommandError(f"The file {path} has no trunk: a table such as [carrier] is one.")
    return [_trunk(path, name, table) for name, table in tables.items()]


def _trunk(path: Path, name: str, table: object) -> WrittenTrunk:
    if not isinstance(table, dict):
        raise CommandError(
            f"{path}: {name} stands above the first table; each trunk is a table, such as [carrier]."
        )
    options = {str(key).replace("-", "_"): value for key, value in table.items()}
    like = options.pop("like", "")
    if not isinstance(like, str):
        raise CommandError(f"{path}: [{name}] like is the name of a carrier.")
    for key in options:
        if key not in OPTIONS:
            close = nearest(key, [*OPTIONS, "like"])
            hint = f"did you mean {close}?" if close else "see 'onhook trunk add --help'."
            raise CommandError(f"{path}: [{name}] has a key that is unknown: {key}; {hint}")
    return WrittenTrunk(name, options, like)
