"""From SQLite's log into its database, beside the thread that commits.

By itself SQLite does this within the commit that makes the log longer than 1,000 pages, and whoever waits
for that commit waits for two more flushes, and for hundreds of pages to be written where they belong. Here
a thread of its own does it as soon as about so much was written; commits go on meanwhile. What is written
during a checkpoint is left for the next one, so under a load without any pause the log would grow for ever:
from `MOST_PAGES` on a commit carries over the rest, which is little, and the log begins anew.
"""

import contextlib
import sqlite3
from queue import SimpleQueue
from threading import Thread
from typing import Final

CHANGES: Final = 300
"""Rows between checkpoints: about 1,000 pages of the log."""
MOST_PAGES: Final = 4000
"""16 MB."""


class Checkpoints:
    """Those of one database. All but `end` is for the thread that commits."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._done_at = 0
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._thread: Thread | None = None

    def leave_to_us(self, connection: sqlite3.Connection) -> None:
        """The connection that commits does none itself, unless the log has become long."""
        connection.execute(f"PRAGMA wal_autocheckpoint={MOST_PAGES}").close()

    def written(self, changes: int) -> None:
        """So many rows were changed since the connection was opened."""
        if changes - self._done_at < CHANGES:
            return
        self._done_at = changes
        if self._thread is None:
            thread = Thread(target=self._run, name="store-checkpoints", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # there is no room for a thread just now: a commit will do it
                return
            self._thread = thread
        if self._wanted.empty():
            self._wanted.put(True)

    def end(self) -> None:
        """Waits for the checkpoint that is being made, and makes no more."""
        if self._thread is not None:
            self._wanted.put(False)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        with contextlib.closing(connection):
            while self._wanted.get():
                # A disk that is full, a database that is locked: the next one will do it, or a commit.
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
