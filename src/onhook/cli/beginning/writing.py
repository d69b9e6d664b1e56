"""Files of ``onhook init``: each is there whole or not at all, and none is replaced unless that was said."""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from onhook.cli.errors import CommandError


@dataclass(frozen=True)
class NewFile:
    """What is to be written. ``secret``: nobody but its owner may read it."""

    path: Path
    text: str
    secret: bool = False


def check_directory(directory: Path) -> None:
    """Makes it if need be, before anything else is made. Raises CommandError."""
    try:
        _make(directory)
    except OSError as error:
        raise CommandError(f"{directory} cannot be written to: {error.strerror}.") from error


def _make(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied")


def write(files: Iterable[NewFile]) -> list[Path]:
    """Writes them; those of them that were there before. Raises CommandError."""
    replaced = []
    for file in files:
        try:
            if os.path.lexists(file.path):
                replaced.append(file.path)
            _write(file)
        except OSError as error:
            raise CommandError(f"{file.path} cannot be written: {error.strerror}.") from error
    return replaced


def _write(file: NewFile) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.path.parent, prefix=f".{file.path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(file.text)
        draft.chmod(0o600 if file.secret else 0o644)
        draft.replace(file.path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
