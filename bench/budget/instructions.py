"""Instructions that processes execute in user mode, by `perf stat`, where the machine counts them."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_EVENT = "instructions:u"
_END_S = 20.0


def read(lines: Iterable[str]) -> int | None:
    """The count in what `perf stat -x,` wrote; None where the machine has no counter."""
    for line in lines:
        fields = line.split(",")
        if len(fields) > 2 and fields[2].startswith("instructions") and fields[0].isdigit():
            return int(fields[0])
    return None


def why_not() -> str:
    """Why instructions cannot be counted here; empty if they can."""
    if shutil.which("perf") is None:
        return "perf is not installed (Debian: linux-perf)"
    done = subprocess.run(
        ["perf", "stat", "-x", ",", "-e", _EVENT, "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return (
        "" if read(done.stderr.splitlines()) is not None else "this machine has no counter for them"
    )


@contextmanager
def counted(pids: Iterable[int]) -> Iterator[list[str]]:
    """After the block the list has what `perf stat` told of these processes in it, for `read`."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "perf")
        out.touch()
        listed = ",".join(map(str, pids))
        counter = subprocess.Popen(
            ["perf", "stat", "-x", ",", "-e", _EVENT, "-o", str(out), "-p", listed],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield lines
        finally:
            counter.send_signal(signal.SIGINT)
            counter.wait(_END_S)
        lines += out.read_text().splitlines()
