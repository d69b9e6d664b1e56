"""A server's wall clock, to be set while it runs: libfaketime, which leaves the monotonic clock alone."""

import tempfile
from collections.abc import Mapping
from pathlib import Path


class WallClock:
    """Give ``environment`` to a server."""

    def __init__(self) -> None:
        self._file = Path(tempfile.mkdtemp(prefix="onhook-clock-")) / "offset"
        self.set("+0")

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes a process look at this clock."""
        [library] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, by: str) -> None:
        """Sets the clock by ``+12h``, ``-1h``, … of the real time."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(by + "\n")
        draft.replace(self._file)
