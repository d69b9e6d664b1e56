"""What a server has at a moment: memory, descriptors, ports, tasks, rows, files, processes."""

import contextlib
import re
import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import family

from onhook.server.supervisor import status
from onhook.store.sqlite import DATABASE_FILE

KEPT = re.compile(
    r"recordings/[^/.][^/]*\.mp3|prompts/[^/.][^/]*|speech/[^/]*|(onhook\.db|secret\.key|server\.lock)[^/]*"
)
"""Files that are meant to stay; any other is one that somebody has not removed."""
DATABASE_CONNECTIONS = 20
_NUMBERED = re.compile(r"\d+")


@dataclass(slots=True)
class Usage:
    """What a process has; bytes."""

    role: str
    pss: int = 0
    """All its memory; pages of several processes in shares."""
    own: int = 0
    """What no file holds: it cannot be given back by dropping pages."""
    descriptors: Counter[str] = field(default_factory=Counter)
    """By what they lead to."""
    threads: int = 0


@dataclass(slots=True)
class State:
    """Of all processes of a server."""

    usages: list[Usage]
    metrics: Mapping[str, float]

    def total(self, of: str) -> dict[str, int]:
        """A figure of `Usage` by role."""
        found: Counter[str] = Counter()
        for usage in self.usages:
            found[usage.role] += getattr(usage, of)
        return dict(found)

    @property
    def processes(self) -> Counter[str]:
        """How many there are of each role."""
        return Counter(usage.role for usage in self.usages)

    @property
    def descriptors(self) -> Counter[str]:
        """By role, and what they lead to."""
        found: Counter[str] = Counter()
        for usage in self.usages:
            found.update({f"{usage.role} {to}": n for to, n in usage.descriptors.items()})
        return found

    def metric(self, name: str) -> float:
        """The sum over all labels."""
        return sum(
            value
            for key, value in self.metrics.items()
            if key == name or key.startswith(name + "{")
        )


def look(data: Path, pid: int, url: str) -> State:
    """The state of the server on a data directory, whose supervisor is `pid`."""
    roles = {one["pid"]: one["role"] for one in status.ask(data)}
    usages = [
        usage for one in family(pid) if (usage := _usage(one, roles.get(one, "others"))) is not None
    ]
    return State(usages, metrics(url))


def metrics(url: str) -> dict[str, float]:
    """What the server tells at /metrics."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    split = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in split}


def _usage(pid: int, role: str) -> Usage | None:
    """None for a process that is gone meanwhile."""
    process = Path(f"/proc/{pid}")
    try:
        memory = dict(_sizes((process / "smaps_rollup").read_text().splitlines()))
        threads = len(list((process / "task").iterdir()))
        ends = Counter(_ends(process / "fd"))
    except OSError:
        return None
    own = memory.get("Pss_Anon", 0) + memory.get("Pss_Shmem", 0)
    return Usage(role, memory.get("Pss", 0), own, ends, threads)


def _sizes(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for line in lines:
        name, _, size = line.partition(":")
        if size.endswith(" kB"):
            yield name, int(size.split()[0]) * 1024


def _ends(folder: Path) -> Iterator[str]:
    """What each descriptor leads to, without what tells one of a kind from another."""
    for each in folder.iterdir():
        with contextlib.suppress(OSError):
            target = str(each.readlink())
            if target.startswith("/") and not target.startswith("/memfd:"):
                path = Path(target.removesuffix(" (deleted)"))
                folder_name = "data" if path.parent.name.startswith("data-") else path.parent.name
                yield f"{folder_name}/*{path.suffix}"
            else:
                yield _NUMBERED.sub("", target).replace("[]", "").rstrip(":")


def kept_open(data: Path) -> dict[str, int]:
    """Descriptors that the switch may have however few there were before: each prompt once, as they stay open
    for the next call; and connections to databases, of which SQLAlchemy keeps some, and SQLite the
    descriptors of those that are closed."""
    prompts = sum(1 for _ in (data / "prompts").glob("*.g711"))
    files = dict.fromkeys(("switch data/*.db", "switch data/*.db-wal"), DATABASE_CONNECTIONS)
    return {"switch prompts/*.g711": prompts, **files}


def rows_left(data: Path) -> dict[str, int]:
    """Rows of what is still going on: none when the server is idle."""
    queries = {
        "calls that are open": "SELECT count(*) FROM calls WHERE state <> 'ended' OR dialog <> ''",
        "notifications under way": "SELECT count(*) FROM notifications WHERE state = 'pending'",
        "notifications given up": "SELECT count(*) FROM notifications WHERE state = 'given_up'",
    }
    with contextlib.closing(sqlite3.connect(data / DATABASE_FILE, timeout=10)) as database:
        return {name: database.execute(query).fetchone()[0] for name, query in queries.items()}


def files_left(data: Path, scratch: Path) -> list[str]:
    """Files that nobody has removed, of the data directory and of the folder for temporary files."""
    inside = [path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()]
    return [
        *(name for name in inside if not KEPT.fullmatch(name)),
        *(str(path) for path in scratch.rglob("*") if path.is_file()),
    ]
