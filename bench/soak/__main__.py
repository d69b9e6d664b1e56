"""See the package: `python -m bench.soak`."""

import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.figures import Figures, save
from bench.machine import everyone_cpu_s, family_cpu_s
from bench.rig import OUT, BenchError, data_directory, raise_file_limit
from bench.soak import __doc__ as about
from bench.soak import crowd, memory, phones, state
from bench.soak.verdict import Left, Verdict, left_behind, told

from acceptance.files import FileServer
from acceptance.harness import Customer, Onhook, lay_trunk
from onhook.cli import accounts
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.streams import PhoneTls
from phone.authority import Authority

EVERY_S = 5.0
"""Between samples."""
JUDGES_MEMORY_MIN = 15.0
"""A shorter run says nothing of memory."""
SHARE_OF_THE_LIMIT = 0.5
_MEASURED_S = 10.0
_MEASURED_RATE = 20.0
_QUIET_S = 5.0
_PATIENCE_S = 120.0
"""Until an idle server has let go of everything: connections are kept for a while."""
_SPEECH_IDLE_S = "30"
"""Soon, so that what speaks is started again and again."""
_SMALL_CACHE_MB = "64"
"""The smallest, so that it is full early."""


@dataclass(slots=True)
class Samples:
    """What a server has while it is called, every few seconds, from a thread."""

    look: Callable[[], state.State]
    taken: list[tuple[float, state.State]] = field(default_factory=list)
    _enough: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Until `stop`."""
        while not self._enough.wait(EVERY_S):
            self.taken.append((time.monotonic(), self.look()))

    def stop(self) -> None:
        """Take no more."""
        self._enough.set()

    def memory(self) -> dict[str, memory.Slope | None]:
        """How the memory of each role went on."""
        roles = dict.fromkeys(role for _, one in self.taken for role in one.total("own"))
        return {
            role: memory.slope([(at_s, one.total("own").get(role, 0)) for at_s, one in self.taken])
            for role in roles
        }

    def largest(self) -> dict[str, float]:
        """The most that there was at a time."""
        seen = [one for _, one in self.taken]
        of = {
            "calls": lambda one: one.metric("onhook_calls"),
            "ports": lambda one: one.metric("onhook_media_ports_used"),
            "tasks": lambda one: one.metric("onhook_tasks"),
            "descriptors": lambda one: one.descriptors.total(),
            "processes": lambda one: one.processes.total(),
            "MiB (PSS)": lambda one: round(sum(one.total("pss").values()) / 2**20),
        }
        return {name: max(map(figure, seen), default=0) for name, figure in of.items()}

    def figures(self) -> list[Figures]:
        """For the JSON."""
        began_s = self.taken[0][0] if self.taken else 0.0
        return [
            {
                "at_s": round(at_s - began_s, 1),
                "pss": one.total("pss"),
                "own": one.total("own"),
                "threads": one.total("threads"),
                "descriptors": dict(one.descriptors),
                "calls": one.metric("onhook_calls"),
                "ports": one.metric("onhook_media_ports_used"),
                "tasks": one.metric("onhook_tasks"),
            }
            for at_s, one in self.taken
        ]


@dataclass(frozen=True, slots=True)
class Stand:
    """A server, the application of the crowd, and what phones need."""

    server: Onhook
    scratch: Path
    customer: Customer
    lines: phones.Lines
    files: FileServer
    application_pid: int

    def look(self) -> state.State:
        """What the server has now."""
        return state.look(self.server.data, self.server.process.pid, self.server.url)

    def left(self) -> Left:
        """What it has that an idle server is judged by."""
        now = self.look()
        of_the_start: dict[str, float] = {
            **{f"processes {role}": n for role, n in now.processes.items()},
            **{f"descriptors {name}": n for name, n in now.descriptors.items()},
            "tasks": now.metric("onhook_tasks"),
        }
        kept = state.kept_open(self.server.data)
        at_most = {f"descriptors {name}": n for name, n in kept.items()}
        none = {
            "calls": now.metric("onhook_calls"),
            "streams": now.metric("onhook_media_streams"),
            "ports": now.metric("onhook_media_ports_used"),
            "commands of the media plane refused": now.metric("onhook_media_commands_refused"),
            **state.rows_left(self.server.data),
        }
        files = state.files_left(self.server.data, self.scratch)
        return Left(of_the_start, at_most, none, frozenset(files))


@asynccontextmanager
async def stand() -> AsyncIterator[Stand]:
    """Everything but the callers; ended, whatever happens."""
    async with AsyncExitStack() as stack:
        data = stack.enter_context(data_directory())
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=OUT)))
        papers = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=OUT)))
        authority = Authority(papers)
        issued = authority.issue("127.0.0.1")
        server = await asyncio.to_thread(_server, data, scratch, issued.certificate, issued.key)
        stack.callback(server.close)
        made = await accounts.create_application(data, "crowd")
        running = crowd.application(server.url, made["app_id"], made["access_token"])
        application_pid, url = stack.enter_context(running)
        for kind, number in crowd.numbers().items():
            await accounts.add_number(data, number, made["app_id"], f"{url}/{kind}")
        lines = phones.Lines(
            await asyncio.to_thread(lay_trunk, server, host=phones.FAR),
            await asyncio.to_thread(
                lay_trunk, server, host=phones.FAR, prefix="+6592", srtp="require"
            ),
            PhoneTls(ca_file=authority.file),
        )
        receiver = await stack.enter_async_context(Receiver())
        files = await stack.enter_async_context(FileServer())
        customer = await Customer.make(server, receiver, await stack.enter_async_context(Phone()))
        yield Stand(server, scratch, customer, lines, files, application_pid)


def _server(data: Path, scratch: Path, certificate: str, key: str) -> Onhook:
    settings = {
        "sip": "udp:127.0.0.1:0,tls:127.0.0.1:0",
        "sip_cert": certificate,
        "sip_key": key,
        "max_calls": "0",
        "record_beep": "false",
        "retry_schedule": "1,2,5",
        "speech_idle_s": _SPEECH_IDLE_S,
        "prompt_cache_mb": _SMALL_CACHE_MB,
    }
    return Onhook(settings, data, {"TMPDIR": str(scratch)})


async def idle(there: Stand, before: Left | None = None) -> Left:
    """What a server has that has nothing to do: as little as it had before, or what it does not let go of."""
    until_s = time.monotonic() + _PATIENCE_S
    quiet_since_s, last = time.monotonic(), await asyncio.to_thread(there.left)
    while time.monotonic() < until_s:
        await asyncio.sleep(0.5)
        now = await asyncio.to_thread(there.left)
        if before is not None and not left_behind(before, now):
            return now
        if now != last:
            quiet_since_s, last = time.monotonic(), now
        over = not any(now.none.values()) and time.monotonic() - quiet_since_s > _QUIET_S
        if before is None and over:
            return now
    return last


async def half_of_the_limit(there: Stand, seed: int) -> float:
    """Calls a second at which the busiest process has half a core, or all of the machine half of it,
    whichever is less; by what a call of the crowd takes at a low rate."""
    roles = {one["pid"]: one["role"] for one in there.server.processes()}
    before = {pid: family_cpu_s(pid) for pid in roles if roles[pid] != "supervisor"}
    everyone_s = everyone_cpu_s()
    few = crowd.Crowd(there.server.sip, _MEASURED_RATE, seed)
    await asyncio.to_thread(few.run, _MEASURED_S)
    calls = few.placed.total()
    if not calls:
        raise BenchError("no call was placed")
    busiest_s = max(family_cpu_s(pid) - used_s for pid, used_s in before.items()) / calls
    together_s = (everyone_cpu_s() - everyone_s) / calls
    return SHARE_OF_THE_LIMIT * min(1 / busiest_s, len(os.sched_getaffinity(0)) / together_s)


async def soak(minutes: float, rate: float | None, seed: int, out: Path) -> Verdict:
    """All of it; the samples are written to `out`."""
    async with stand() as there:
        outcomes = phones.Outcomes()
        kinds = phones.every_kind(there.files)
        tell("every kind of call once")
        await phones.shift(there.customer, there.lines, there.files, outcomes, kinds=kinds)
        measured = await half_of_the_limit(there, seed)
        calling = crowd.Crowd(there.server.sip, rate or measured, seed)
        if minutes >= JUDGES_MEMORY_MIN:
            tell("prompts, until as many are open as may be")
            await phones.fill(there.customer, there.lines, there.files, outcomes)
        before = await idle(there)
        tell(f"{minutes:g} minutes at {rate or measured:.0f} calls a second")
        samples = Samples(there.look)
        sampling = asyncio.create_task(asyncio.to_thread(samples.run))
        until_s = time.monotonic() + minutes * 60
        calling.begin()
        while (left_s := until_s - time.monotonic()) > 0:
            seconds = min(left_s, phones.SHIFT_S)
            await phones.shift(there.customer, there.lines, there.files, outcomes, seconds)
        await asyncio.to_thread(calling.finish)
        samples.stop()
        await sampling
        tell("until it is idle")
        now = await idle(there, before)
        verdict = Verdict(
            minutes,
            rate or measured,
            placed=calling.placed + outcomes.done + outcomes.failed,
            failed=calling.failed + outcomes.failed,
            reasons=outcomes.reasons,
            left=left_behind(before, now),
            memory=samples.memory(),
            judges_memory=minutes >= JUDGES_MEMORY_MIN,
            largest=samples.largest(),
        )
        _write(out, verdict, samples)
        if not verdict.good:
            shutil.copy(there.server.log_path, out.with_suffix(".log"))
        return verdict


def _write(out: Path, verdict: Verdict, samples: Samples) -> None:
    figures: Figures = {
        "good": verdict.good,
        "minutes": verdict.minutes,
        "rate": verdict.rate,
        "placed": dict(verdict.placed),
        "failed": dict(verdict.failed),
        "reasons": list(verdict.reasons),
        "left": list(verdict.left),
        "largest": dict(verdict.largest),
        "memory": {role: one and asdict(one) for role, one in verdict.memory.items()},
        "grown": verdict.grown,
        "samples": samples.figures(),
    }
    save(out, figures)


BEGAN_S = time.monotonic()


def tell(line: str) -> None:
    """Progress, on standard error."""
    print(f"[{time.monotonic() - BEGAN_S:5.0f} s] {line}", file=sys.stderr, flush=True)


def main() -> int:
    """The status of the process."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--minutes", type=float, default=30, help="how long it is called")
    add("--rate", type=float, help="calls a second of the crowd; by default half of the limit")
    add("--seed", type=int, default=random.randrange(10**6))
    add("--out", type=Path, default=OUT / "soak.json", help="where the JSON goes")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    random.seed(given.seed)
    raise_file_limit()
    try:
        verdict = asyncio.run(soak(given.minutes, given.rate, given.seed, given.out))
    except BenchError as error:
        sys.exit(f"soak: {error}")
    print(told(verdict))
    print(
        f"seed {given.seed}; JSON: {given.out}; what the server logged is beside it if this is not good"
    )
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
