"""What processes cost, and how busy the machine was besides."""

import contextlib
import os
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")

BUSY = 0.1
"""Of all cores: what is measured while others use more than this is not to be believed."""


def family(pid: int) -> list[int]:
    """A process and all that descend from it, its own id first; empty if it is gone."""
    parents = {one: fields[1] for one in _everyone() if (fields := _stat(str(one)))}
    found = [pid] if pid in parents else []
    for parent in found:  # grows meanwhile
        found += [one for one, its_parent in parents.items() if its_parent == parent]
    return found


def family_cpu_s(pid: int) -> float:
    """CPU seconds of a process and its descendants, with all their threads, kernel included; those too that
    have ended. 0 if it is gone.

    The kernel scales these from the exact run times, so paced work that runs in step with the tick
    is not misjudged (the first line of /proc/stat would be).
    """
    return sum(sum(_stat(str(one))[11:15]) for one in family(pid)) / _TICKS_A_SECOND


def family_written_bytes(pid: int) -> int:
    """What a process and all of its children had the kernel write to disks so far; what is written over again
    counts each time, as in a log that is used anew."""
    return sum(_written(one) for one in family(pid))


def _written(pid: int) -> int:
    """Of one that has ended meanwhile: nothing."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def family_run_s(pid: int) -> float:
    """CPU seconds of the threads that a process and its descendants have now, to the nanosecond.

    For what uses little: the sums above come in ticks of a hundredth, of each process and kind. What has
    ended is not in it, so it is compared only over times in which no thread ends.
    """
    return sum(map(_run_ns, family(pid))) / 1e9


def process_run_s(pid: int) -> float:
    """The same of a process alone."""
    return _run_ns(pid) / 1e9


def _run_ns(pid: int) -> int:
    found = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            found += int(file.read_text().split()[0])
    return found


def everyone_cpu_s() -> float:
    """CPU seconds of all processes of the machine, with those of their reaped children."""
    return sum(sum(_stat(str(pid))[11:15]) for pid in _everyone()) / _TICKS_A_SECOND


def own_and_ended_cpu_s() -> float:
    """CPU seconds of this process, and of all that descended from it and was reaped."""
    own, ended = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def family_pss_bytes(pid: int) -> int:
    """Memory of a process and its descendants: what several have counts once (PSS); 0 if it is gone."""
    return sum(map(_pss_bytes, family(pid)))


def _pss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _everyone() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: str) -> list[int]:
    """The fields of /proc/PID/stat from the third on (man proc); the state, a letter, is 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []
    return [0, *map(int, fields[1:])]


@dataclass(frozen=True, slots=True)
class Costs:
    """What was used between the start and the stop of a meter."""

    seconds: float
    cpu_s: Mapping[str, float]
    """By the names that the meter was given."""
    busy: float
    """Share of all cores that was in use, 0 to 1."""
    others: float
    """Share of all cores that processes used which are not ours: above `BUSY`, measure again."""


class Meter:
    """Measures named processes, each with its descendants, from its making to `stop`."""

    def __init__(self, **pids: int) -> None:
        self._measures = {name: partial(family_cpu_s, pid) for name, pid in pids.items()}
        self._began_s = time.monotonic()
        self._everyone_s = everyone_cpu_s()
        self._before = {name: measure() for name, measure in self._measures.items()}
        self._own_s = time.process_time()

    def stop(self) -> Costs:
        """The costs up to now; may be asked again later."""
        cores = os.cpu_count() or 1
        used = {name: measure() - self._before[name] for name, measure in self._measures.items()}
        own_s = time.process_time() - self._own_s
        everyone_s = everyone_cpu_s() - self._everyone_s
        seconds = time.monotonic() - self._began_s
        return Costs(
            seconds=round(seconds, 2),
            cpu_s={name: round(value, 3) for name, value in used.items()},
            busy=round(everyone_s / seconds / cores, 3),
            others=round(max(0.0, everyone_s - own_s - sum(used.values())) / seconds / cores, 3),
        )


def busy_now(for_s: float = 1.0) -> float:
    """Share of all cores in use during the next second or so."""
    meter = Meter()
    time.sleep(for_s)
    return meter.stop().busy
