"""A server's wall clock, to be set while it runs.

``wall_clock.c`` does it, and nothing else: libfaketime also puts itself before waits, where it takes the wall
clock's offset for the monotonic clock's. Every wait for the interpreter's lock then ends at once, and the
server's threads spend their time on asking for it.
"""

import os
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("wall_clock.c")


@cache
def _library() -> Path:
    built = Path(tempfile.mkdtemp(prefix="onhook-clock-")) / "wall_clock.so"
    flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([os.environ.get("CC", "cc"), *flags, "-o", str(built), str(SOURCE)], check=True)
    return built


class WallClock:
    """Give ``environment`` to a server."""

    def __init__(self) -> None:
        self._file = Path(tempfile.mkdtemp(prefix="onhook-clock-")) / "offset"
        self._file.write_bytes(bytes(8))

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes a process, and those that it starts, look at this clock."""
        return {"LD_PRELOAD": str(_library()), "WALL_CLOCK_OFFSET": str(self._file)}

    def set(self, by: timedelta) -> None:
        """Sets the clock to the real time and ``by`` more, at once."""
        offset_ns = by // timedelta(microseconds=1) * 1000
        with self._file.open("r+b", buffering=0) as file:  # in place: it is mapped
            file.write(struct.pack("=q", offset_ns))
