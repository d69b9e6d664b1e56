"""Which settings there are, by name; and who misspelt one, in a file or in the environment."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from onhook.administration.spelling import nearest

PREFIX = "ONHOOK_"
BESIDES = ("trunk_password", "api")
"""Variables of commands and of the sample applications, which are no settings."""

_INJECTED = re.compile(r"(?:tcp|udp|sctp)://", re.IGNORECASE)
"""What container platforms set for a service that is called onhook, e.g. ONHOOK_PORT=tcp://10.0.0.1:80."""


class SettingsError(Exception):
    """A setting cannot be used; the message names it and says what is wrong."""


def read_file(path: Path, known: Collection[str]) -> Mapping[str, Any]:
    """The settings of a TOML file. Raises :class:`SettingsError`, which names the file."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"The settings file {path} is not there.") from None
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"The settings file {path} is not in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {path} is not TOML: {error}.") from error
    for key in values:
        if key not in known:
            raise SettingsError(
                f"The settings file {path} has a key that is unknown: {key}; {_hint(key, known)}"
            )
    return values


def unknown_variables(environment: Mapping[str, str], known: Iterable[str]) -> tuple[str, ...]:
    """Variables that look like settings and are none. One that is close to a setting is an error:
    :class:`SettingsError`."""
    names = {*known, *BESIDES}
    found = [name for name in environment if name.upper().startswith(PREFIX)]
    unknown = [name for name in found if _plain(name) not in names]
    for name in unknown:
        close = nearest(_plain(name), names)
        if close and not _INJECTED.match(environment[name]):
            raise SettingsError(
                f"The variable {name} is not known; did you mean {PREFIX}{close.upper()}?"
            )
    return tuple(sorted(unknown))


def _plain(variable: str) -> str:
    return variable[len(PREFIX) :].lower()


def _hint(key: str, known: Collection[str]) -> str:
    close = nearest(key, known) or nearest(key.upper().removeprefix(PREFIX), known)
    return f"did you mean {close}?" if close else "see 'onhook serve --help'."
