"""What a server has of the kernel's while it runs, to find whether anything of it was left behind."""

import asyncio
import os
import select
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from acceptance.harness import READY_S, Onhook

PROC = Path("/proc")


def descendants(of: int) -> set[int]:
    """The processes that this one has started, and those that they have."""
    parents: dict[int, int] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(stat.parent.name)] = int(fields[1])
    found = {of}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {of}


def of_process(pid: int, what: str) -> str:
    """A file of a process in /proc; empty for one that has ended."""
    try:
        return (PROC / str(pid) / what).read_text(errors="replace")
    except OSError:
        return ""


async def gone(*pids: int) -> None:
    """Returns once these processes have ended: one that nobody has waited for has, too."""
    async with asyncio.timeout(READY_S):
        while any(of_process(pid, "stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])
                  for pid in pids):  # fmt: skip
            await asyncio.sleep(0.02)


def everybody() -> list[int]:
    """All processes of the machine."""
    return [int(each.name) for each in PROC.glob("[0-9]*")]


def links(pid: int) -> Iterator[tuple[Path, str]]:
    """The descriptors of a process, and what they lead to."""
    with suppress(OSError):
        for each in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                yield each, str(each.readlink())


def memory(pid: int) -> set[int]:
    """The inodes of the anonymous files in memory that a process has open or mapped."""
    found = set()
    for descriptor, target in links(pid):
        if target.startswith("/memfd:"):
            with suppress(OSError):
                found.add(descriptor.stat().st_ino)
    with suppress(OSError):
        for line in (PROC / str(pid) / "maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/memfd:"):
                found.add(int(fields[4]))
    return found


def shared_files(pid: int) -> set[str]:
    """The files with a name in the directory that all processes of the machine share memory by."""
    named = {target for _, target in links(pid)}
    with suppress(OSError):
        named |= {line.split()[-1] for line in (PROC / str(pid) / "maps").read_text().splitlines()}
    return {name for name in named if name.startswith("/dev/shm/")}


def unix_sockets() -> set[int]:
    """The inodes of all sockets of this family that there are, with a name or without."""
    lines = (PROC / "net/unix").read_text().splitlines()[1:]
    return {int(line.split()[6]) for line in lines}


def sockets(pid: int) -> set[int]:
    """The inodes of the sockets that a process has open."""
    return {int(to[8:-1]) for _, to in links(pid) if to.startswith("socket:[")}


def _watched(pids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """A descriptor of each process, but of one that has ended since it was listed."""
    for pid in pids:
        with suppress(ProcessLookupError):
            yield pid, os.pidfd_open(pid)


@dataclass(frozen=True)
class Remains:
    """The processes of a server, and what they have that could outlive them."""

    pidfds: dict[int, int]
    """By process id."""
    sockets: set[int]
    memory: set[int]

    @classmethod
    def of(cls, server: Onhook) -> Self:
        """What there is now."""
        pids = {server.process.pid, *descendants(server.process.pid)}
        assert not set().union(*(shared_files(pid) for pid in pids))
        return cls(
            dict(_watched(pids)),
            set().union(*(sockets(pid) for pid in pids)) & unix_sockets(),
            set().union(*(memory(pid) for pid in pids)),
        )

    async def are_gone(self) -> None:
        """Waits for the end of each process; AssertionError if anything is left."""
        await asyncio.to_thread(self._wait)
        assert not self.sockets & unix_sockets()
        held = {pid: self.memory & memory(pid) for pid in everybody()}
        assert not {pid: found for pid, found in held.items() if found}

    def _wait(self) -> None:
        for pid, pidfd in self.pidfds.items():
            ended, _, _ = select.select([pidfd], [], [], READY_S)
            os.close(pidfd)
            assert ended, f"process {pid} is left: {(PROC / str(pid) / 'cmdline').read_text()!r}"
