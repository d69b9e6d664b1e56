"""Counts everything that the processes of a server do within a while."""

import os
import shutil
import struct
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.budget import instructions, statements, system_calls
from bench.rig import HERE, OUT, BenchError

from onhook.server.supervisor import status

_SOURCE, _PRELOADED = HERE / "budget" / "allocations.c", OUT / "allocations.so"
_FOLDER = "BENCH_BUDGET"
_SITE = """
import os, sys
if "onhook.server.spare_process" in sys.orig_argv:
    sys.path.append({tree!r})
    from bench.budget import statements
    sys.path.remove({tree!r})
    os.register_at_fork(after_in_child=lambda: statements.follow(
        os.path.join(os.environ[{folder!r}], str(os.getpid()) + statements.SUFFIX)
    ))
"""
"""Python runs it at the start of each process (site). The switch is forked from one that has loaded it."""

LASTING = frozenset({"supervisor", "plane", "switch", "deliveries"})
"""What runs as long as the server does. What speaks comes and goes, and has its models laid out at first."""
INSTRUCTIONS = "instructions of the media plane"
WAITS = "system calls that only wait"
Parts = dict[str, Counter[str]]
"""By what is counted, and what it is made up of."""


@contextmanager
def counters() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder for counters, and the variables by which a server has them."""
    OUT.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="budget-", dir=OUT))
    (folder / "sitecustomize.py").write_text(_SITE.format(tree=str(HERE.parent), folder=_FOLDER))
    ways = filter(None, (str(folder), os.environ.get("PYTHONPATH", "")))
    try:
        yield (
            folder,
            {
                _FOLDER: str(folder),
                "LD_PRELOAD": str(_preloaded()),
                "PYTHONMALLOC": "malloc",  # each object is asked of the library that counts
                "PYTHONHASHSEED": "0",
                "PYTHONPATH": os.pathsep.join(ways),
            },
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _preloaded() -> Path:
    """`allocations.c`, compiled. BenchError without a compiler."""
    if not _PRELOADED.exists() or _PRELOADED.stat().st_mtime < _SOURCE.stat().st_mtime:
        command = ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(_PRELOADED), str(_SOURCE)]
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BenchError(f"{_SOURCE.name} cannot be compiled: {error}") from error
    return _PRELOADED


@dataclass(frozen=True, slots=True)
class Counting:
    """What is counted of a server."""

    data: Path
    """Its data directory."""
    folder: Path
    """Where its counters are."""
    instructions: bool
    """Whether this machine counts them."""

    def during(self, work: Callable[[], None]) -> Parts:
        """What its processes do while this runs."""
        everyone = {one["pid"]: one["role"] for one in status.ask(self.data)}
        roles = {pid: role for pid, role in everyone.items() if role in LASTING}
        planes = [pid for pid, role in roles.items() if role == "plane"]
        with ExitStack() as stack:
            executed = (
                stack.enter_context(instructions.counted(planes)) if self.instructions else []
            )
            traced = stack.enter_context(system_calls.followed(roles))
            threads = _threads(roles)
            before = self._in_process(roles)
            work()
            found = {
                name: Counter({part: n - before[name][part] for part, n in parts.items()})
                for name, parts in self._in_process(roles).items()
            }
        asked = system_calls.read(traced, threads)
        found |= {
            "system calls": asked.calls,
            "flushes": asked.flushes,
            "bytes written": asked.written,
            "bytes sent": asked.sent,
            WAITS: asked.waits,
        }
        if (number := instructions.read(executed)) is not None:
            found[INSTRUCTIONS] = Counter(plane=number)
        return found

    def _in_process(self, roles: Mapping[int, str]) -> Parts:
        """What the processes themselves have counted since their start."""
        number: Counter[str] = Counter()
        size: Counter[str] = Counter()
        run: Counter[str] = Counter()
        for pid, role in roles.items():
            found = struct.unpack("<QQ", (self.folder / f"{pid}.allocations").read_bytes())
            number[role] += found[0]
            size[role] += found[1]
            if (listed := self.folder / f"{pid}{statements.SUFFIX}").exists():
                run.update(statements.read(listed))
        if not number.total() or not run:
            raise BenchError("the server does not count what it allocates, or the SQL that it runs")
        return {"allocations": number, "bytes allocated": size, "SQL statements": run}


def _threads(roles: Mapping[int, str]) -> dict[int, str]:
    """The role of each thread, by its id."""
    return {int(thread.name): role for pid, role in roles.items() for thread in _tasks(pid)}


def _tasks(pid: int) -> Iterable[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it has ended
        return ()
