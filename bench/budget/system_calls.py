"""What processes ask of the kernel, by `strace`: how often, flushes, bytes written to files, and sent."""

import re
import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.rig import BenchError

WAITS = frozenset(
    {
        "clock_nanosleep", "epoll_pwait", "epoll_pwait2", "epoll_wait", "futex", "nanosleep", "poll",
        "ppoll", "pselect6", "restart_syscall", "rt_sigtimedwait", "sched_yield", "select", "wait4",
        "waitid",
    }
)  # fmt: skip
"""They only wait: how often that is depends on what else the machine does."""
FLUSHES = frozenset({"fsync", "fdatasync", "sync_file_range", "msync"})
_SENDS = frozenset({"sendto", "sendmsg", "sendmmsg"})
_WRITES = frozenset({"write", "writev", "pwrite64", "pwritev", "pwritev2"})
_ATTACH_S = 20.0

_ENTERED = re.compile(r"^(\d+) +(\w+)\((?:(\d+)(?:<([^>]*)>)?)?")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>")
_RETURNED = re.compile(r"\) += (-?\d+)")
_WAKES = re.compile(r"^anon_inode:\[(eventfd|timerfd)\]|^pipe:")


@dataclass(slots=True)
class SystemCalls:
    """What was asked for, by process and name of the call (`switch sendto`)."""

    calls: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    flushes: Counter[str] = field(default_factory=Counter)
    """By the file."""
    written: Counter[str] = field(default_factory=Counter)
    """Bytes, by the file."""
    sent: Counter[str] = field(default_factory=Counter)
    """Bytes, by the process."""


@dataclass(slots=True)
class _Entered:
    name: str
    target: str


def read(lines: Iterable[str], roles: Mapping[int, str]) -> SystemCalls:
    """Counts the lines that `strace -f -y` wrote; `roles` are those of threads and processes by id."""
    found = SystemCalls()
    under_way: dict[int, _Entered] = {}
    for line in lines:
        if (entered := _ENTERED.match(line)) is not None:
            thread, name = int(entered[1]), entered[2]
            one = _Entered(name, entered[4] or "")
            role = roles.get(thread, "others")
            _count(found, role, one)
            under_way[thread] = one
        elif (resumed := _RESUMED.match(line)) is not None:
            thread = int(resumed[1])
            role = roles.get(thread, "others")
        else:
            continue
        if (returned := _RETURNED.search(line)) is not None and thread in under_way:
            _count_bytes(found, role, under_way.pop(thread), int(returned[1]))
    return found


def _count(found: SystemCalls, role: str, call: _Entered) -> None:
    if call.name in WAITS or _WAKES.match(call.target):
        found.waits[f"{role} {call.name}"] += 1
        return
    found.calls[f"{role} {call.name}"] += 1
    if call.name in FLUSHES:
        found.flushes[_file(call.target)] += 1


def _count_bytes(found: SystemCalls, role: str, call: _Entered, returned: int) -> None:
    if returned <= 0 or _WAKES.match(call.target):
        return
    is_socket = not call.target.startswith("/")
    if call.name in _SENDS or (call.name in _WRITES and is_socket):
        found.sent[role] += returned
    elif call.name in _WRITES:
        found.written[_file(call.target)] += returned


def _file(path: str) -> str:
    """A file by its name; those that are named by chance, by their ending."""
    name = Path(path).name
    if name.startswith("data-"):
        return "log"
    return name if name.startswith("onhook") else f"*{Path(path).suffix}"


@contextmanager
def followed(pids: Iterable[int]) -> Iterator[list[str]]:
    """After the block the list has a line for all that these processes asked for in it, for `read`.

    BenchError without strace.
    """
    wanted = list(pids)
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "strace")
        options = ["-f", "-y", "-s", "0", "-e", "verbose=none", "-e", "signal=none", "-o", str(out)]
        try:
            tracer = subprocess.Popen(
                ["strace", *options, *(f"--attach={pid}" for pid in wanted)],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise BenchError(f"strace cannot be started (Debian: strace): {error}") from error
        try:
            _attached(tracer, set(wanted))
            yield lines
        finally:
            _detach(tracer)
        lines += out.read_text(errors="replace").splitlines()


def _attached(tracer: subprocess.Popen[str], missing: set[int]) -> None:
    """Returns once every process is followed."""
    said = tracer.stderr
    if said is None:
        raise AssertionError("its standard error is a pipe")
    stuck = threading.Timer(_ATTACH_S, tracer.kill)
    stuck.start()
    lines: list[str] = []
    try:
        while missing:
            line = said.readline()
            if not line:
                raise BenchError(f"strace does not attach: {' '.join(lines)}")
            lines.append(line.strip())
            if (told := re.search(r"Process (\d+) attached", line)) is not None:
                missing.discard(int(told[1]))
    finally:
        stuck.cancel()
    # It says which threads come and go; nobody else reads that.
    threading.Thread(target=said.read, daemon=True).start()


def _detach(tracer: subprocess.Popen[str]) -> None:
    if tracer.poll() is None:
        tracer.send_signal(signal.SIGINT)
    try:
        tracer.wait(_ATTACH_S)
    except subprocess.TimeoutExpired:
        tracer.kill()
        tracer.wait()
