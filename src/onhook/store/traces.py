"""What passed of calls, kept for whoever asks why: a database file of its own, beside that of the calls.

It is written by a thread of its own, and a commit of it is no flush: what matters to calls and money waits
for nothing here, and what is lost when the machine loses power is a trace. It keeps so many days, and so
many megabytes; then the oldest goes.

A part of a call's trace is a row: packed entries, each a header and what it says.
"""

import contextlib
import os
import queue
import sqlite3
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

TRACE_FILE: Final = "traces.db"
_ENTRY: Final = struct.Struct("<qBBI")
"""Microseconds since the epoch, kind, characters of whom, bytes of what is said."""
_DAY_MS: Final = 86_400_000
_PRUNED_EVERY_S: Final = 60.0
_MOST_WAITING: Final = 60
"""What a minute brings; the disk is not that far behind."""
_PAGES: Final = "PRAGMA page_count", "PRAGMA freelist_count"

KINDS: Final = ("sip-in", "sip-out", "state", "request", "event", "reply", "played", "media")
"""What an entry is: a SIP message to or from us, a new state of the call, a request that was accepted, what
else happened to it, such as a key; the reply to a request, what began or ended to play, and what the audio of
a leg had come to. Their places are on disk: new ones go to the end."""


_PLACES: Final = {kind: place for place, kind in enumerate(KINDS)}


class Entry(NamedTuple):
    """One thing that passed. A tuple, since a call has a dozen of them, and frozen objects take longer."""

    at_us: int
    """Microseconds since the epoch."""
    kind: str
    """One of ``KINDS``."""
    whom: str
    """The peer of a SIP message, host and port; of figures the leg; else empty."""
    said: bytes
    """The message, masked; the state and the block; the request; figures, packed by who keeps them."""


@dataclass(frozen=True, slots=True)
class Part:
    """Entries of a call, in order; they may be made only when they are read, which the writer does once."""

    session: str
    at_ms: int
    """When the first of them was; since the epoch."""
    entries: Iterable[Entry]


class TraceFile:
    """The file of one server. ``days`` and ``megabytes`` say how much is kept."""

    def __init__(self, directory: Path, *, days: int, megabytes: int) -> None:
        self._path = directory / TRACE_FILE
        self._days, self._bytes = days, megabytes * 1_000_000
        self._waiting: queue.SimpleQueue[Sequence[Part] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self.failed = ""
        """Why what came last is not kept; empty if it is."""

    def start(self) -> None:
        """From now on it takes parts."""
        self._thread.start()

    def write(self, parts: Sequence[Part]) -> None:
        """Keeps them, soon. Never raises, and waits for nothing: a disk that is too slow drops them."""
        if self._waiting.qsize() < _MOST_WAITING:
            self._waiting.put(parts)

    def close(self) -> None:
        """Returns when all that it was given is written."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        """Until it is closed. What cannot be written is lost, and what comes later tried again."""
        database: sqlite3.Connection | None = None
        pruned_s = 0.0
        while (parts := self._waiting.get()) is not None:
            try:
                database = database or _opened(self._path)
                _insert(database, parts)
                if time.monotonic() - pruned_s >= _PRUNED_EVERY_S:
                    pruned_s = time.monotonic()
                    self._prune(database)
                self.failed = ""
            except Exception as error:  # noqa: BLE001  # the root of the thread: entries are made here, too
                self.failed = f"{type(error).__name__}: {error}"
        if database is not None:
            database.close()

    def _prune(self, database: sqlite3.Connection) -> None:
        """What is too old goes; then, if the file is too large, its oldest tenth. Its room is used again."""
        with database:
            old_ms = round(time.time() * 1000) - self._days * _DAY_MS
            database.execute("DELETE FROM parts WHERE at_ms < ?", (old_ms,))
        pages, free = (database.execute(one).fetchone()[0] for one in _PAGES)
        if (pages - free) * 4096 > self._bytes:
            with database:
                [(first, last)] = database.execute("SELECT min(id), max(id) FROM parts").fetchall()
                through = first + (last - first) // 10
                database.execute("DELETE FROM parts WHERE id <= ?", (through,))


def _insert(database: sqlite3.Connection, parts: Sequence[Part]) -> None:
    with database:
        database.executemany(
            "INSERT INTO parts (session, at_ms, body) VALUES (?, ?, ?)",
            [(one.session, one.at_ms, pack(one.entries)) for one in parts],
        )


def read_trace(directory: Path, session: str) -> list[Entry]:
    """What is kept of a call, in order; nothing where there is no file, or its writer is about to make it.
    Raises sqlite3.Error."""
    path = directory / TRACE_FILE
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'parts'").fetchone():
            return []
        rows = database.execute("SELECT body FROM parts WHERE session = ? ORDER BY id", (session,))
        found = [entry for (body,) in rows for entry in unpack(body)]
    return sorted(found, key=lambda entry: entry.at_us)


def pack(entries: Iterable[Entry]) -> bytes:
    """Entries as they are kept."""
    parts: list[bytes] = []
    for at_us, kind, whom, said in entries:
        name = whom.encode()[:255]
        parts += (_ENTRY.pack(at_us, _PLACES[kind], len(name), len(said)), name, said)
    return b"".join(parts)


def unpack(body: bytes) -> Iterator[Entry]:
    """The reverse; what is cut short ends there."""
    at = 0
    while at + _ENTRY.size <= len(body):
        at_us, kind, whom_length, length = _ENTRY.unpack_from(body, at)
        at += _ENTRY.size
        whom, said = body[at : at + whom_length], body[at + whom_length : at + whom_length + length]
        at += whom_length + length
        yield Entry(at_us, KINDS[kind % len(KINDS)], whom.decode(errors="replace"), said)


def _opened(path: Path) -> sqlite3.Connection:
    """Readable for its owner alone, as all that is kept of calls."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=OFF")
    with database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS parts"
            " (id INTEGER PRIMARY KEY, session TEXT NOT NULL, at_ms INTEGER NOT NULL, body BLOB NOT NULL)"
        )
        database.execute("CREATE INDEX IF NOT EXISTS parts_of_a_session ON parts (session)")
        database.execute("CREATE INDEX IF NOT EXISTS parts_by_age ON parts (at_ms)")
    return database
