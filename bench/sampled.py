"""Where the switch spends its time: a sample of its stack every few milliseconds of CPU time.

`environment` is what a server is started with. The sampler then runs in the switch alone (site), and writes
what it has every second: CPU seconds of the thread of the loop by part of Onhook, or by library where no
function of ours runs, and of all other threads together.
"""

import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

_OUT = "BENCH_SAMPLES"
_EVERY_S = 0.005
_WRITTEN_EVERY_S = 1.0
_LOOP = ("", "asyncio", "uvloop")
"""Where a loop waits, or reads and writes for itself."""
SPARE = "onhook.server.spare_process"
_SITE = """
import os, sys
if {spare!r} in sys.orig_argv:
    sys.path.append({here!r})
    import sampled
    sys.path.remove({here!r})
    os.register_at_fork(after_in_child=sampled.begin)
"""
"""The switch is forked from a process that has loaded it."""


def environment(folder: Path) -> dict[str, str]:
    """Variables of a server whose switch is to be sampled; `folder` is empty, and stays for as long."""
    here = str(Path(__file__).resolve().parent)
    (folder / "sitecustomize.py").write_text(_SITE.format(spare=SPARE, here=here))
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    return {"PYTHONPATH": path, _OUT: str(folder / "samples.json")}


def found(folder: Path) -> dict[str, float]:
    """CPU seconds by name up to now. Empty if nothing was written yet."""
    try:
        samples: dict[str, float] = json.loads((folder / "samples.json").read_text())
    except OSError:
        return {}
    return samples


class Sampler:
    """Counts, in the thread of the loop, whose CPU time was used since the last sample."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._last_s = time.thread_time()
        self._written_s = time.monotonic()

    def sample(self, _: int, frame: FrameType | None) -> None:
        """The handler of the signal."""
        now_s = time.thread_time()
        self._seconds[place(frame)] += now_s - self._last_s
        self._last_s = now_s
        if time.monotonic() - self._written_s > _WRITTEN_EVERY_S:
            self._written_s = time.monotonic()
            self._write()

    def _write(self) -> None:
        rest_s = time.process_time() - time.thread_time()
        part = self._out.with_suffix(".part")
        part.write_text(json.dumps({**self._seconds, "other threads": rest_s}))
        part.rename(self._out)


def place(frame: FrameType | None) -> str:
    """The part of Onhook whose function runs, whatever it has called; without one, the library."""
    library = ""
    while frame is not None:
        parts = frame.f_globals.get("__name__", "").split(".")
        if parts[0] == "onhook":
            return ".".join(parts[:2])
        if parts[0] != "sampled":
            library = library or parts[0]
        frame = frame.f_back
    return "event loop" if library in _LOOP else library


def begin() -> None:
    """Samples this process from now on."""
    if threading.current_thread() is not threading.main_thread():
        raise AssertionError("signals are handled in the first thread")
    sampler = Sampler(Path(os.environ[_OUT]))
    signal.signal(signal.SIGPROF, sampler.sample)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)


if __name__ == "__main__":
    sys.exit(__doc__)
