"""The unit for systemd: ``deploy/systemd/onhook.service`` with all that it takes away, for here."""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

_STATE = Path("/var/lib/onhook")
_HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))
"""What ProtectHome and PrivateTmp keep from the service."""


@dataclass(frozen=True)
class Place:
    """Where a server is: its command, its settings, its data, all absolute; and whose it is."""

    command: Path
    config: Path
    data: Path
    user: str
    group: str


def hidden(place: Place) -> list[Path]:
    """Those of its paths that a service would not see."""
    paths = (place.command, place.config, place.data)
    return [path for path in paths if any(path.is_relative_to(each) for each in _HIDDEN)]


def unit_text(place: Place) -> str:
    """The unit. What its comments say of the sandbox stays; the one at its head is of this place."""
    text = (files("onhook.cli.beginning") / "onhook.service").read_text(encoding="utf-8")
    command = _word(str(place.command))
    variables = (f"ONHOOK_CONFIG={place.config}", f"ONHOOK_DATA={place.data}")
    lines = {
        "ExecStart": f"{command} serve",
        "ExecReload": f"{command} reload",
        "Environment": " ".join(map(_word, variables)),
        "User": place.user,
        "Group": place.group,
    }
    if place.data != _STATE:
        lines["WorkingDirectory"] = _whole(str(place.data))
    for key, value in lines.items():
        text = _replaced(text, rf"^{key}=.*$", f"{key}={value}")
    if place.data != _STATE:  # which systemd makes, and lets the service write to
        text = _replaced(text, r"^StateDirectory=.*$", f"ReadWritePaths={_word(str(place.data))}")
        text = _replaced(text, r"^StateDirectoryMode=.*\n", "")
    return _replaced(text, r"\A(?:#.*\n)+", _head(place))


def _head(place: Place) -> str:
    return (
        f"# Onhook as a service of systemd, 247 or newer, with the settings of {place.config}.\n"
        "# To /etc/systemd/system/, then: systemctl daemon-reload; systemctl enable --now onhook\n"
        "# Secrets such as ONHOOK_DATABASE_URL belong into /etc/onhook.env (mode 0600, root's).\n"
    )


def _replaced(text: str, pattern: str, value: str) -> str:
    text, found = re.subn(pattern, lambda _: value, text, count=1, flags=re.MULTILINE)
    if not found:
        raise LookupError(f"onhook.service has no {pattern}")
    return text


def _whole(text: str) -> str:
    """A value that is a path and nothing else: blanks are of it (systemd.syntax(7); % is a specifier)."""
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """One word of several, in quotes if it needs them."""
    text = _whole(text)
    if not re.search(r"[\s\"'\\]", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
