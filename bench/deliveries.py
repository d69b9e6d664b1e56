"""Does one receiver's trouble delay the notifications of others?

    .venv/bin/python bench/deliveries.py [--kinds stalls] [--hosts kind|session|same] [--retry-schedule 1]

Sessions whose receivers are bad come first: each rings, and is cancelled, so that two notifications wait
for a receiver that says nothing, answers 500, redirects, drops the connection, or sends half a reply.
Meanwhile other calls come and end, half of them by a BYE and half by a CANCEL. What is measured is the
time from the end of such a call (the phone's 200 to the BYE, or its CANCEL) to the arrival of its
terminal notification at a receiver that works. The same is measured with those receivers working.

Rounds alternate, on a fresh server each; their times are put together. A call counts with the time that
was waited for if the notification of its end, or even that of its ring, took longer; that is too short, so
`not told` says how many there were.
Figures are printed as a table, and written as JSON to bench/out/deliveries.json.
"""

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.application import SECOND
from bench.bad_receivers import KINDS
from bench.called import PROBE
from bench.caller import Call, Caller, Script
from bench.figures import Figures, Row, number, pair, save, spread, table
from bench.machine import Meter, busy_now
from bench.rig import HERE, OUT, BenchError, Rig, end, first_line, raise_file_limit, rig

BAD_KINDS = KINDS[1:]
WORKS = KINDS[0]
_WARM_UP = 10
_BAD_EVERY_S = 0.01
_BAD_AT_ONCE = 50
_PATIENCE_S = 5.0
_BUDGET_S = 60.0
_ENDS = {"bye": "BYE answered", "cancel": "CANCEL"}
"""The two ways in which a call ends, and the moment from which each is measured."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured; `rate` is in calls a second."""

    sessions: int
    kinds: tuple[str, ...]
    hosts: str
    rate: int
    window_s: float
    rounds: int
    retry_schedule: str


@dataclass(slots=True)
class Case:
    """What came of the rounds with bad receivers, or of those without."""

    waits_ms: dict[str, list[float]] = field(default_factory=lambda: {how: [] for how in _ENDS})
    """By the way in which the call ended."""
    not_told: int = 0
    failures: list[str] = field(default_factory=list)
    attempts: list[Figures] = field(default_factory=list)
    """Of each round: requests at the bad receivers by kind, and how many hung there at its end."""
    busy: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    def add(self, how: str, call: Call, patience_s: float = _PATIENCE_S) -> None:
        """Adds a call of the window."""
        times = call.times_ns
        told = "ended" in times
        self.not_told += not told
        wait_ms = (times["ended"] - times[_ENDS[how]]) / 1e6 if told else patience_s * 1000
        self.waits_ms[how].append(wait_ms)

    def figures(self) -> Figures:
        """For the JSON."""
        everything = [wait_ms for waits_ms in self.waits_ms.values() for wait_ms in waits_ms]
        found = spread("all", everything)
        for how, waits_ms in self.waits_ms.items():
            found |= spread(how, waits_ms)
        return {
            **found,
            "not_told": self.not_told,
            "failed": len(self.failures),
            "failures": sorted(set(self.failures))[:5],
            "attempts": self.attempts,
            "busy": self.busy,
            "others": self.others,
        }


class BadReceivers:
    """`bad_receivers.py`; each of `sessions` has a receiver, and a number that is told to it."""

    def __init__(self, kinds: list[str], hosts: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "bad_receivers.py"), *map("=".join, zip(kinds, hosts, strict=True))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        *self.urls, self._stats = json.loads(first_line(self.process))

    def stats(self) -> dict[str, int]:
        """Requests by kind, and `hanging`."""
        with urllib.request.urlopen(self._stats, timeout=10) as reply:
            found: dict[str, int] = json.load(reply)
        return found


def _receivers(plan: Plan, bad: bool) -> tuple[list[str], list[str]]:
    """The kinds and hosts of the receivers; one a kind, or one a session."""
    count = plan.sessions if plan.hosts == "session" else len(plan.kinds)
    kinds = [plan.kinds[n % len(plan.kinds)] if bad else WORKS for n in range(count)]
    same = plan.hosts == "same"
    hosts = ["127.0.0.1" if same else f"127.0.{1 + n // 250}.{1 + n % 250}" for n in range(count)]
    return kinds, hosts


def _bad(caller: Caller, called: str) -> Script:
    """A call that rings and is cancelled; nobody waits for its notifications."""
    call = caller.place(called)
    yield lambda: "180" in call.times_ns
    caller.cancel(call)
    yield lambda: "487" in call.times_ns


def _healthy(caller: Caller, how: str, calls: list[tuple[str, Call]]) -> Script:
    """A call that is hung up while it hears a message, or is cancelled while it rings."""
    call = caller.place(PROBE)
    calls.append((how, call))
    yield lambda: "ringing" in call.times_ns
    session, url = call.session, caller.url
    if how == "bye":
        caller.request("ivr/middle/play", session=session, msg=SECOND, notify_url=url)
        yield lambda: "audio" in call.times_ns
    due_s = time.monotonic() + random.uniform(0.005, 0.02)
    yield lambda: time.monotonic() >= due_s
    if how == "bye":
        caller.request("ivr/end/hangup", session=session, force="enabled", notify_url=url)
    else:
        caller.cancel(call)
    yield lambda: "ended" in call.times_ns


@contextlib.contextmanager
def _running(plan: Plan, bad: bool) -> Iterator[tuple[Rig, Caller, BadReceivers, list[str]]]:
    """A server, the healthy receiver, the bad ones, and the numbers that are told to those."""
    settings = {"ONHOOK_RETRY_SCHEDULE": plan.retry_schedule} if plan.retry_schedule else {}
    with rig(settings=settings) as running, contextlib.ExitStack() as stack:
        receivers = BadReceivers(*_receivers(plan, bad))
        stack.callback(end, receivers.process)
        caller = stack.enter_context(Caller(running.server, running.account))
        running.account.add_number(PROBE, caller.url)
        numbers = [f"+65312{n:05d}" for n in range(len(receivers.urls))]
        for called, url in zip(numbers, receivers.urls, strict=True):
            running.account.add_number(called, url)
        yield running, caller, receivers, numbers


def measure(plan: Plan, bad: bool, case: Case) -> None:
    """One round. BenchError if the bad receivers were not asked."""
    with _running(plan, bad) as (running, caller, receivers, numbers):
        calls: list[tuple[str, Call]] = []
        caller.perform(_healthy(caller, how, calls) for how in list(_ENDS) * (_WARM_UP // 2))
        calls.clear()
        caller.perform(
            (_bad(caller, numbers[n % len(numbers)]) for n in range(plan.sessions)),
            at_once=_BAD_AT_ONCE,
            every_s=_BAD_EVERY_S,
            patience_s=_PATIENCE_S,
        )
        meter = Meter(server=running.server.pid, receivers=receivers.process.pid)
        count = round(plan.rate * plan.window_s)
        hows = list(_ENDS) * (count // len(_ENDS))
        caller.perform(
            (_healthy(caller, how, calls) for how in hows),
            at_once=count,
            every_s=1 / plan.rate,
            patience_s=_PATIENCE_S,
        )
        costs, attempts = meter.stop(), receivers.stats()
        for how, call in calls:
            case.add(how, call)
        case.failures += caller.failures
        case.attempts.append({**attempts})
        case.busy.append(costs.busy)
        case.others.append(costs.others)
        kinds = plan.kinds if bad else (WORKS,)
        if not all(attempts.get(kind) for kind in kinds):
            raise BenchError(f"of {', '.join(kinds)}, only these were asked: {attempts}")


def deliveries(plan: Plan) -> Figures:
    """All rounds: without, with, with, without, so that a machine that gets busier harms both."""
    cases = {False: Case(), True: Case()}
    began_s = time.monotonic()
    for n in range(plan.rounds):
        if n and (time.monotonic() - began_s) * (n + 1) / n > _BUDGET_S:
            break
        for bad in (False, True) if n % 2 == 0 else (True, False):
            measure(plan, bad, cases[bad])
    none, some = cases[False].figures(), cases[True].figures()
    ratios = {
        f"ratio_{share}": _ratio(some[f"all_{share}_ms"], none[f"all_{share}_ms"])
        for share in ("p50", "p99")
    }
    return {"none": none, "some": some, **ratios, "took_s": round(time.monotonic() - began_s, 1)}


def _ratio(one: object, other: object) -> float | None:
    if not isinstance(one, float) or not isinstance(other, float) or not other:
        return None
    return round(one / other, 2)


def rows(figures: Figures, plan: Plan) -> list[Row]:
    """The figures for a person."""
    found: list[Row] = []
    for name, title in (("none", "no bad receiver"), ("some", f"{plan.sessions} sessions bad")):
        case = figures[name]
        if not isinstance(case, dict):
            raise AssertionError("the figures of a case")
        found += [
            (f"{title}: end to notification, p50 / p99", pair(case, "all")),
            (f"{title}: BYE / CANCEL, p99", f"{_p99(case, 'bye')} / {_p99(case, 'cancel')} ms"),
            (f"{title}: calls, not told, failures", f"{case['all_n']}, {case['not_told']}, {case['failed']}"),
            (f"{title}: cores busy, of that others", f"{max(case['busy']):.0%}, {max(case['others']):.0%}"),
        ]  # fmt: skip
    ratio = f"{number(figures['ratio_p50'])} / {number(figures['ratio_p99'])}"
    return [*found, ("ratio, p50 / p99", ratio)]


def _p99(case: Figures, name: str) -> str:
    return number(case[f"{name}_p99_ms"])


def parse() -> tuple[Plan, Path]:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sessions", type=int, default=200, help="how many have bad receivers")
    add("--kinds", nargs="+", choices=BAD_KINDS, default=BAD_KINDS, help="of bad receivers")
    add(
        "--hosts",
        choices=("kind", "session", "same"),
        default="kind",
        help="an address for each kind; for each session; that of the receiver that works",
    )
    add("--rate", type=int, default=50, help="calls a second whose receiver works")
    add("--window", type=float, default=6, help="seconds of them in a round")
    add("--rounds", type=int, default=2, help="fewer are made if there is no time for them")
    add(
        "--retry-schedule", default="", help="seconds between tries; the server's default otherwise"
    )
    add("--out", type=Path, default=OUT / "deliveries.json", help="where the JSON goes")
    given = parser.parse_args()
    plan = Plan(
        given.sessions,
        tuple(given.kinds),
        given.hosts,
        given.rate,
        given.window,
        given.rounds,
        given.retry_schedule,
    )
    return plan, given.out


def main() -> None:
    """Measures, and prints the table."""
    plan, out = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    raise_file_limit()
    busy = busy_now()
    print(f"the machine is {busy:.0%} busy with other work", file=sys.stderr, flush=True)
    try:
        figures = deliveries(plan)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    save(out, {"busy_before": busy, **figures})
    kinds = ", ".join(plan.kinds)
    print(table(f"Deliveries beside receivers of kinds {kinds}", rows(figures, plan)))
    print(f"\nIt took {figures['took_s']} s. JSON: {out}")


if __name__ == "__main__":
    main()
