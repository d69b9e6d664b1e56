"""How many flushes a call costs, and what each reply waits for.

    .venv/bin/python -m bench.flushes [--calls 200] [--counted 20]

One call after another, on an idle server: it comes in, the application is told and hangs it up with a
message of a second, it is told of the end. In the same run, between the calls, the flush itself is timed:
32 KB written in place, and `fdatasync`, in the directory that the database is in. *Beyond a flush* is what
a reply takes more than that, at the same percentile. With strace the flushes of some more calls are
counted, and where in the call they are; these are not timed, as each system call takes longer then.
"""

import argparse
import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.application import SECOND
from bench.caller import Caller, Script
from bench.disk import Flushes
from bench.figures import Figures, Row, pair, percentile, save, spread, table
from bench.latency import Samples
from bench.machine import busy_now
from bench.rig import OUT, PROBE, BenchError, Rig, end, raise_file_limit, rig

from onhook.server.supervisor import status

_QUIET_S = 0.06
"""After a call everything of it is on disk, so that the next one finds the writer idle."""
_ATTACH_S = 2.0
_FLUSH = re.compile(r"^(\d+) +(\d+\.\d+) (?:fsync|fdatasync)\(", re.MULTILINE)

WAITS = (
    ("call to 180", "invite_to_180"),
    ("call to 200, through the application", "invite_to_200"),
    ("hangup to its reply", "hangup_to_reply"),
    ("end of the call to its notification", "end_to_notification"),
)


def _call(caller: Caller, samples: Samples, moments: list[tuple[int, ...]]) -> Script:
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns
    request = caller.request(
        "ivr/end/hangup", session=call.session, msg=SECOND, notify_url=caller.url
    )
    yield lambda: "ended" in call.times_ns and bool(request.status)
    times = call.times_ns
    samples.add("invite_to_180", times["INVITE"], times["180"])
    samples.add("invite_to_200", times["INVITE"], times["200"])
    samples.add("hangup_to_reply", request.sent_ns, request.replied_ns)
    samples.add("end_to_notification", times["BYE answered"], times["ended"])
    quiet_s = time.monotonic() + _QUIET_S
    yield lambda: time.monotonic() >= quiet_s
    moments.append(
        (times["INVITE"], times["180"], request.sent_ns, request.replied_ns, times["BYE answered"],
         times["ended"], time.time_ns())
    )  # fmt: skip


def _calls(running: Rig, caller: Caller, count: int) -> tuple[Samples, list[float]]:
    """What so many calls waited for, and flushes of the same time."""
    samples = Samples()
    with Flushes(running.account.data) as flushes:
        for _ in range(count):
            caller.perform([_call(caller, samples, [])])
            flushes.once()
    return samples, flushes.times_ms


@contextlib.contextmanager
def _traced(pid: int, into: Path) -> Iterator[None]:
    """Every flush of a process and its threads, with its moment."""
    with tempfile.TemporaryFile() as said:
        tracer = subprocess.Popen(
            [
                "strace",
                "-f",
                "-qq",
                "-ttt",
                "-e",
                "trace=fsync,fdatasync",
                "-o",
                into,
                "-p",
                str(pid),
            ],
            stdin=subprocess.DEVNULL,
            stderr=said,
        )
        time.sleep(_ATTACH_S)
        if tracer.poll() is not None:
            said.seek(0)
            raise BenchError(f"strace: {said.read().decode(errors='replace').strip()}")
        try:
            yield
        finally:
            end(tracer, signal.SIGINT, wait_s=30)


def _counted(running: Rig, caller: Caller, count: int) -> Figures:
    """Flushes of a call by where they are in it."""
    moments: list[tuple[int, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        with _traced(_switch(running.account.data), trace):
            caller.perform(_call(caller, Samples(), moments) for _ in range(count))
        flushes_ns = sorted(int(float(at) * 1e9) for _, at in _FLUSH.findall(trace.read_text()))
    if not moments:
        raise BenchError("no call came to its end while it was traced")

    def between(first: int, last: int) -> float:
        found = [_within(flushes_ns, each[first], each[last]) for each in moments]
        return round(sum(found) / len(found), 2)

    return {
        "counted": len(moments),
        "flushes_a_call": between(0, 6),
        "flushes_to_180": between(0, 1),
        "flushes_to_reply": between(2, 3),
        "flushes_to_notification": between(4, 5),
    }


def _within(flushes_ns: Sequence[int], from_ns: int, to_ns: int) -> int:
    return bisect_left(flushes_ns, to_ns) - bisect_left(flushes_ns, from_ns)


def _switch(data: Path) -> int:
    """The process that has the database of a data directory."""
    for one in status.ask(data):
        if one["role"] == "switch":
            return int(one["pid"])
    raise BenchError("the server has no switch")


def measure(calls: int, counted: int) -> Figures:
    """All figures, of a fresh server."""
    with rig() as running, Caller(running.server, running.account) as caller:
        running.account.add_number(PROBE, caller.url)
        caller.perform(_call(caller, Samples(), []) for _ in range(10))
        caller.failures.clear()
        samples, flushes_ms = _calls(running, caller, calls)
        beyond: Figures = {}
        for name, values in samples.times.items():
            for at in (0.5, 0.99):
                more_ms = (percentile(values, at) or 0) - (percentile(flushes_ms, at) or 0)
                beyond[f"{name}_beyond_p{at * 100:.0f}_ms"] = round(more_ms, 2)
        found: Figures = {
            "calls": calls,
            **spread("flush", flushes_ms),
            **samples.figures(),
            **beyond,
            "failures": sorted(set(caller.failures))[:5],
        }
        if counted and shutil.which("strace"):
            found |= _counted(running, caller, counted)
        return found


def rows(found: Figures) -> list[Row]:
    """The figures for a person."""
    shown: list[Row] = [("a flush, p50 / p99", pair(found, "flush"))]
    for title, name in WAITS:
        more = (
            f"{found[f'{name}_beyond_p50_ms']} / {found[f'{name}_beyond_p99_ms']} ms beyond a flush"
        )
        shown.append((f"{title}, p50 / p99", f"{pair(found, name)}: {more}"))
    if "flushes_a_call" not in found:
        return [*shown, ("flushes of a call", "not counted: strace is not there")]
    return [
        *shown,
        ("flushes of a call", str(found["flushes_a_call"])),
        ("  before its 180 and its notification", str(found["flushes_to_180"])),
        ("  before the reply to the hangup", str(found["flushes_to_reply"])),
        ("  from its end to its notification", str(found["flushes_to_notification"])),
    ]


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=200, help="how many are timed")
    parser.add_argument("--counted", type=int, default=20, help="how many are traced; 0: none")
    parser.add_argument(
        "--out", type=Path, default=OUT / "flushes.json", help="where the JSON goes"
    )
    given = parser.parse_args()
    raise_file_limit()
    OUT.mkdir(exist_ok=True)
    print(f"the machine is {busy_now():.0%} busy with other work", file=sys.stderr)
    try:
        found = measure(given.calls, given.counted)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    save(given.out, found)
    print(table("Flushes", rows(found)))


if __name__ == "__main__":
    main()
