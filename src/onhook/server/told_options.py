"""The settings of a server that runs, for commands beside it: a file in the data directory, without secrets.

It tells of a process that runs only while somebody holds the lock of the directory (`occupancy`); it is
removed before the next one begins, so it is never of another.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onhook.server import settings_values

if TYPE_CHECKING:
    from onhook.server.settings import Settings

FILE = "server.options"
_UNTOLD = frozenset({"config", "data", "database_url"})
"""Whoever reads it has these; the URL has a password in it."""
_MAX_BYTES = 100_000


def tell(settings: "Settings", really: Mapping[str, object] | None = None) -> None:
    """Write what the server uses, with what it ``really`` has of it, such as ports. Best effort: no reason
    not to start."""
    used: dict[str, Any] = {**dict(settings), **(really or {})}
    values = {
        name: settings_values.plain(value)
        for name, value in used.items()
        if name not in _UNTOLD and value is not None
    }
    values["sip"] = ",".join(map(str, used["sip"]))
    values["public_address"] = ",".join(map(str, used["public_address"]))
    part = settings.data / f"{FILE}.part"
    try:
        part.write_text(json.dumps(values), encoding="utf-8")
        part.replace(settings.data / FILE)
    except OSError:
        return


def forget(data: Path) -> None:
    """Nobody runs with what is told there."""
    try:
        (data / FILE).unlink(missing_ok=True)
    except OSError:
        return


def told(settings: "Settings") -> "Settings | None":
    """The settings of the server that runs on the data directory of these; None if it does not tell, or in a
    way that another version reads. Options that this version does not know are passed over."""
    from onhook.server.settings import Settings, SettingsError, load

    try:
        with (settings.data / FILE).open("rb") as file:
            values = json.loads(file.read(_MAX_BYTES))
        if not isinstance(values, Mapping):
            return None
        known = {name: values[name] for name in Settings.model_fields if name in values}
        read = load(**{**known, **_own(settings)})
    except (OSError, ValueError, SettingsError):
        return None
    return read


def _own(settings: "Settings") -> dict[str, object]:
    return {"data": settings.data, "database_url": settings.database_url}
