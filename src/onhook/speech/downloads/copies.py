"""What is remembered of downloads: which prompt a URL came to, and how to ask whether it changed.

A small SQLite file of its own, and a cache: whatever is wrong with it, files are downloaded again. URLs
may hold secrets, so only their hashes are stored.
"""

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, Self

import structlog

log = structlog.get_logger()

LIMIT: Final = 20_000
"""URLs that are remembered; those confirmed longest ago are forgotten first."""

_MAX_VALIDATOR_CHARS: Final = 500
_PRUNE_EVERY: Final = 100
_FORMAT: Final = 2  # raise it when the table changes: an older file is begun anew
_TABLE: Final = """
CREATE TABLE copies (
    url BLOB PRIMARY KEY, digest TEXT NOT NULL, etag TEXT, last_modified TEXT,
    confirmed_at REAL NOT NULL, source TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX copies_by_age ON copies (confirmed_at);
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """What a URL came to when it was last asked for."""

    digest: str
    """The prompt that was made of it."""
    etag: str | None
    last_modified: str | None
    confirmed_at: float
    """Unix time of the last 200 or 304."""
    source: str = ""
    """A hash of where the URL led to: the validators are of the file there."""

    @classmethod
    def of(cls, digest: str, headers: Mapping[str, str], now: float, source: str = "") -> Self:
        """From the headers of a 200."""
        etag, date = (_validator(headers.get(name)) for name in ("etag", "last-modified"))
        return cls(digest, etag, date, now, source)

    def confirmed(self, headers: Mapping[str, str], now: float) -> "Copy":
        """From those of a 304, which may bring newer validators (RFC 9111, section 4.3.4)."""
        newer = Copy.of(self.digest, headers, now)
        etag, date = newer.etag or self.etag, newer.last_modified or self.last_modified
        return Copy(self.digest, etag, date, now, self.source)

    @property
    def conditions(self) -> dict[str, str]:
        """Headers that ask for the file only if it changed; none if there is no validator."""
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in found.items() if value}


class Copies:
    """The file. Its methods block and may be called from any thread; they never fail."""

    def __init__(self, path: Path | str = ":memory:", limit: int = LIMIT) -> None:
        self._lock = Lock()
        self._limit = limit
        self._kept = 0
        self._database = _opened(path)

    def find(self, url: str, recipe: bytes = b"") -> Copy | None:
        """What is known of `url`, if prompts were made by the same `recipe` then."""
        rows = self._do(
            "SELECT digest, etag, last_modified, confirmed_at, source FROM copies WHERE url = ?",
            _key(url, recipe),
        )
        return Copy(*rows[0]) if rows else None

    def keep(self, url: str, copy: Copy, recipe: bytes = b"") -> None:
        """Remember `copy` in place of what was known."""
        values = (copy.digest, copy.etag, copy.last_modified, copy.confirmed_at, copy.source)
        places = ", ".join("?" * (1 + len(values)))
        self._do(f"INSERT OR REPLACE INTO copies VALUES ({places})", _key(url, recipe), *values)
        self._kept += 1
        if self._kept % _PRUNE_EVERY == 1:
            self._prune()

    def forget(self, url: str, recipe: bytes = b"") -> None:
        """Remember nothing of `url`."""
        self._do("DELETE FROM copies WHERE url = ?", _key(url, recipe))

    def close(self) -> None:
        """Close the file. Who comes later finds nothing known, and what it keeps is lost."""
        with self._lock:
            self._database.close()

    def _prune(self) -> None:
        self._do(
            "DELETE FROM copies WHERE url IN "
            "(SELECT url FROM copies ORDER BY confirmed_at DESC LIMIT -1 OFFSET ?)",
            self._limit,
        )

    def _do(self, statement: str, *values: object) -> list[tuple[str, str, str, float, str]]:
        try:
            with self._lock:
                return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:  # a full disk, a damaged file
            log.warning("downloads_not_remembered", error=type(error).__name__)
            return []


def _opened(path: Path | str) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        log.warning("downloads_forgotten", error=type(error).__name__)
    try:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        return _connect(path)
    except (OSError, sqlite3.Error):
        return _connect(":memory:")


def _connect(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last rows
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version != _FORMAT:
            database.executescript(
                f"BEGIN; DROP TABLE IF EXISTS copies; {_TABLE} PRAGMA user_version = {_FORMAT}; "
                "COMMIT;"
            )
    except BaseException:
        database.close()
        raise
    return database


def _key(url: str, recipe: bytes) -> bytes:
    return hashlib.sha256(recipe + url.encode("utf-8", "surrogatepass")).digest()


def _validator(value: str | None) -> str | None:
    """What can be sent back as it came."""
    fits = value is not None and 0 < len(value) <= _MAX_VALIDATOR_CHARS
    return value if fits and value is not None and value.isascii() and value.isprintable() else None
