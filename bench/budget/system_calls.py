"""What processes ask of the kernel, by `strace`: how often, flushes, bytes written to files, and sent."""

import re
import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class _Asked:
    """A system call that has returned, or that is still under way when nobody looks any more."""

    thread: int
    name: str
    target: str
    """What its first argument leads to, if that is a descriptor."""
    begins_thread: bool
    returned: int | None


def read(lines: Iterable[str], roles: Mapping[int, str]) -> SystemCalls:
    """Counts the lines that `strace -f -y` wrote; `roles` are those of the first threads, by id.

    Threads that these begin have their roles. Processes that they begin do not count.
    """
    asked = list(_asked(lines))
    known = dict(roles)
    for call in asked:
        if call.begins_thread and call.returned is not None and call.thread in known:
            known[call.returned] = known[call.thread]
    found = SystemCalls()
    for call in asked:
        if (role := known.get(call.thread)) is not None:
            _count(found, role, call)
    return found


def _asked(lines: Iterable[str]) -> Iterator[_Asked]:
    """The calls, in the order in which they returned."""
    under_way: dict[int, _Asked] = {}
    for line in lines:
        if (entered := _ENTERED.match(line)) is not None:
            begins = "CLONE_THREAD" in line
            call = _Asked(int(entered[1]), entered[2], entered[4] or "", begins, None)
        elif (resumed := _RESUMED.match(line)) is not None and int(resumed[1]) in under_way:
            call = under_way.pop(int(resumed[1]))
        else:
            continue
        if (returned := _RETURNED.search(line)) is not None:
            yield replace(call, returned=int(returned[1]))
        else:
            under_way[call.thread] = call
    yield from under_way.values()


def _count(found: SystemCalls, role: str, call: _Asked) -> None:
    if call.name in WAITS or _WAKES.match(call.target):
        found.waits[f"{role} {call.name}"] += 1
        return
    found.calls[f"{role} {call.name}"] += 1
    if call.name in FLUSHES:
        found.flushes[_file(call.target)] += 1
    if call.returned is None or call.returned <= 0:
        return
    is_socket = not call.target.startswith("/")
    if call.name in _SENDS or (call.name in _WRITES and is_socket):
        found.sent[role] += call.returned
    elif call.name in _WRITES:
        found.written[_file(call.target)] += call.returned


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
        options = [
            "-f",
            "-y",
            "-s",
            "0",
            "-e",
            "verbose=clone,clone3",
            "-e",
            "signal=none",
            "-o",
            str(out),
        ]
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
