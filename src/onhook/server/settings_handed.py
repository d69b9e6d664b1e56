"""The settings as the processes of a server have them: handed on in JSON, and already checked.

They have the names and values of :class:`onhook.server.settings.Settings`, but not the library that reads and
checks those, which would take 6 MB of each process.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from onhook.server import settings_values as values

if TYPE_CHECKING:
    from onhook.server.settings import Settings


class Secret:
    """A text that is not shown."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret()"


class _Handed:
    """Values by name, which stay as they are."""

    def __init__(self, found: Mapping[str, object]) -> None:
        self.__dict__.update(found)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"the setting {name} cannot be changed")

    def __iter__(self) -> Iterator[tuple[str, object]]:
        return iter(self.__dict__.items())


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _networks(texts: list[str]) -> tuple[values.Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_READERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "sip": values.sip_listeners,
    "sip_cert": _path,
    "sip_key": _path,
    "data": Path,
    "database_url": Secret,
    "config": _path,
    "allowed_networks": _networks,
    "trusted_peers": _networks,
    "trusted_proxies": _networks,
    "local_networks": _networks,
    "public_address": values.outside_addresses,
    "ca_file": _path,
    "rate": Decimal,
    "voices_dir": _path,
}
"""Of those that are not themselves in JSON; a list is a tuple."""


ADDED: Final[Mapping[str, object]] = {"voice_wait_ms": 1500, "experimental_voices": False}
"""Settings that came later, by their defaults as `Settings.written` has them: a supervisor of a version
before, whose program was replaced while it runs, hands none of them on."""


def restored(written: Mapping[str, Any]) -> "Settings":
    """The settings that another process has written (`Settings.written`), whatever files say by now."""
    written = {**ADDED, **written}
    found = {name: _READERS.get(name, _as_it_is)(value) for name, value in written.items()}
    return cast("Settings", _Handed(found))


def _as_it_is(value: object) -> object:
    return tuple(map(_as_it_is, value)) if isinstance(value, list) else value
