"""How long the disk takes to say that something is on it: what no reply that promises this can undercut."""

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_COMMIT_BYTES = 32 << 10  # of the order of what a call's commit writes
_PLACES = 16


class Flushes:
    """Writes over a file in a folder and flushes it (fdatasync), as SQLite does to its log at a commit."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "flushes"
        self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
        os.pwrite(self._file, bytes(_COMMIT_BYTES * _PLACES), 0)
        os.fsync(self._file)
        self.times_ms: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)
        self._path.unlink(missing_ok=True)

    def once(self) -> None:
        """One more; the caller waits for it."""
        count = len(self.times_ms) + 1
        data = count.to_bytes(8, "big") * (_COMMIT_BYTES // 8)
        os.pwrite(self._file, data, count % _PLACES * _COMMIT_BYTES)
        began_s = time.perf_counter()
        os.fdatasync(self._file)
        self.times_ms.append((time.perf_counter() - began_s) * 1000)
