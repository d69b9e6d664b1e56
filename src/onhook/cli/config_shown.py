"""Each setting with its value, where that comes from, and what a server that runs has instead."""

from collections.abc import Mapping
from pathlib import Path

from onhook.cli.running import written
from onhook.server.settings import Settings
from onhook.server.settings_names import PREFIX, read_file
from onhook.server.supervisor.status import NoAnswer, NobodyThere, ask
from onhook.server.told_options import told

DEFAULT = "default"
COLUMNS = ("setting", "value", "from", "running")
_SECRET = "(secret)"
_UNTOLD = frozenset({"config", "data", "database_url"})
"""What a server that runs does not tell of."""


def settings_shown(
    settings: Settings, given: Mapping[str, object], environment: Mapping[str, str]
) -> list[dict[str, str]]:
    """All settings, in the order of the help. ``given`` are the options of the command.

    ``running`` is empty where no server runs on the data directory, or where it has the same value.
    """
    file = _of_file(settings.config)
    running = _running(settings)
    return [
        {
            "setting": name,
            "value": _shown(settings, name),
            "from": _origin(name, given, environment, file, settings.config),
            "running": other_of(settings, running, name),
        }
        for name in Settings.model_fields
    ]


def _origin(
    name: str,
    given: Mapping[str, object],
    environment: Mapping[str, str],
    file: Mapping[str, object],
    path: Path | None,
) -> str:
    variables = {variable.lower(): variable for variable in environment}
    variable = variables.get(f"{PREFIX}{name}".lower())
    if given.get(name) is not None:
        return f"option --{name.replace('_', '-')}"
    if variable is not None:
        return f"variable {variable}"
    return f"file {path}" if name in file else DEFAULT


def _of_file(path: Path | None) -> Mapping[str, object]:
    return {} if path is None else read_file(path, set(Settings.model_fields) - {"config"})


def _shown(settings: Settings, name: str) -> str:
    if name == "database_url":
        return _SECRET if settings.database_url.get_secret_value() else ""
    return written(getattr(settings, name))


def _running(settings: Settings) -> Settings | None:
    """What the server on the data directory was started with, if one runs."""
    try:
        ask(settings.data)
    except (NobodyThere, NoAnswer):
        return None
    return told(settings)


def other_of(settings: Settings, running: Settings | None, name: str) -> str:
    """What a server that runs has of this setting, where that is something else."""
    if running is None or name in _UNTOLD:
        return ""
    if name == "sip" and _heard(running) == _heard(settings):
        return ""
    has = _shown(running, name)
    return "" if has == _shown(settings, name) else has or "(none)"


def _heard(settings: Settings) -> set[str]:
    """A server tells of each transport by itself."""
    return {
        f"{transport}:{one.place}"
        for one in settings.sip
        for transport in ([one.transport] if one.transport else ["udp", "tcp"])
    }
