"""The files that samples are written to while calls last. All of it blocks, as long as a directory does."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from onhook.calls.recordings.encoder_child import SCRATCH_SUFFIX

NAME: Final = re.compile(r"[A-Za-z0-9_-]{32}")
"""What a recording is called."""
_SPOOL: Final = ".pcm"
_PREPARED: Final = ".prepared"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_APPENDING: Final = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


class SpoolFiles:
    """Those of one directory. One that waits for its recording to begin has another name than one that has:
    whoever comes after a crash knows which of them count."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._waited: set[str] = set()
        """Those that wait, and that somebody here knows of."""
        self._made: set[str] = set()
        """Of these, those that were made here, and that nobody has said to have begun."""

    def path(self, name: str) -> Path:
        """Of a recording that has begun."""
        return self._directory / f"{name}{_SPOOL}"

    def create(self, name: str, *, waits: bool) -> int:
        """A new one: its descriptor. Raises ``OSError``."""
        path = self._waiting(name) if waits else self.path(name)
        try:
            descriptor = os.open(path, _NEW, 0o600)
        except FileNotFoundError:  # somebody deleted the directory
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, _NEW, 0o600)
        if waits:
            self._waited.add(name)
            self._made.add(name)
        return descriptor

    def append(self, name: str) -> int | None:
        """A descriptor that appends to one, whether it waits or not; None if there is none."""
        for path in (self.path(name), self._waiting(name)):
            with suppress(OSError):
                return os.open(path, _APPENDING)
        return None

    def wait_on(self, name: str) -> bool:
        """Whether this is one that waits: it is known of from now on."""
        waits = self.waits(name)
        if waits:
            self._waited.add(name)
        return waits

    def waits(self, name: str) -> bool:
        """Whether this is one that has not begun. Of one that was made here that is known; one of an earlier
        process has begun if there are samples in it, and could not be renamed."""
        try:
            samples = self._waiting(name).stat().st_size
        except OSError:
            return False
        return name in self._made or not samples

    def begin(self, name: str) -> None:
        """One that waited has begun; nothing where an earlier process has said so. Raises ``OSError``."""
        self._made.discard(name)
        try:
            self._waiting(name).rename(self.path(name))
        except FileNotFoundError:
            pass
        except OSError:
            self._waited.add(name)  # it is known of, whatever it is called
            raise
        self._waited.discard(name)

    def delete(self, name: str) -> None:
        """One that waited never begins. Raises ``OSError``."""
        self._waited.discard(name)
        self._made.discard(name)
        self._waiting(name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Of all that there are. Raises ``OSError``."""
        return [path.stem for path in self._all() if path.suffix in (_SPOOL, _PREPARED)]

    def left(self) -> list[str]:
        """The names of those that have begun: also of one that has samples and could not be renamed, as
        nothing is written of what waits. What never began and nobody knows of, and what was not encoded to
        its end, is deleted. Raises ``OSError``."""
        names = []
        for path in self._all():
            if path.suffix == _PREPARED and path.stem in self._waited:
                continue
            with suppress(FileNotFoundError):  # it was there when the directory was read
                if path.suffix == _SPOOL or (path.suffix == _PREPARED and path.stat().st_size):
                    names.append(path.stem)
                elif path.suffix in (_PREPARED, SCRATCH_SUFFIX):
                    path.unlink()
        return names

    def _all(self) -> list[Path]:
        with os.scandir(self._directory) as entries:
            paths = [Path(entry.path) for entry in entries]
        return [
            path for path in paths if path.suffix == SCRATCH_SUFFIX or NAME.fullmatch(path.stem)
        ]

    def _waiting(self, name: str) -> Path:
        return self._directory / f"{name}{_PREPARED}"
