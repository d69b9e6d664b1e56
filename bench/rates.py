"""Part 1: how many complete calls a second, from the ring to the terminal notification."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bench.called import HANGUP
from bench.caller import Caller, Script
from bench.engines import Start, Target
from bench.figures import Figures, Row, number
from bench.idling import wait_until_idle
from bench.load import Load, NotStarted, Outcome, callers, sink
from bench.machine import Costs, Meter
from bench.postgresql import PostgreSQL
from bench.rig import BenchError

_LATE_S = 2.5
_NOTIFIED_S = 3.0
_SETUP_P99_MS = 500
_BYE_P99_MS = 500  # beyond the message; 100 of them are the server's own settle time
_PACKET_MS = 20
_FEW = 0.02
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look for the highest rate that passes, in calls a second."""

    start: int = 50
    step: int = 25
    top: int = 1000
    level_s: float = 4.0
    budget_s: float = 80.0
    """No new level is begun after this."""


@dataclass(slots=True)
class Climb:
    """Which rate comes next: up by halves until one fails, then halving the interval. Pure.

    A rate fails at the second failure, or at the first when much failed; a single small one may be
    due to other work on the machine.
    """

    search: Search
    levels: list[Figures] = field(default_factory=list)

    def next_rate(self) -> int:
        """0 when there is nothing left to find out."""
        low = max((rate for rate in self._rates() if self._passed(rate)), default=0)
        high = min((rate for rate in self._rates() if self._failed(rate)), default=0)
        undecided = [rate for rate in self._rates() if rate > low and not self._failed(rate)]
        if undecided:
            return undecided[0]
        return self._between(low, high) if high else self._above(low)

    def _above(self, low: int) -> int:
        search = self.search
        if not low:
            return search.start
        rate = max(low + search.step, low * 3 // 2 // search.step * search.step)
        return rate if rate <= search.top else 0

    def _between(self, low: int, high: int) -> int:
        if high - low <= self.search.step:
            return 0
        middle = (low + high) // 2 // self.search.step * self.search.step
        return middle if low < middle < high else 0

    def _rates(self) -> list[int]:
        return [_count(level["rate"]) for level in self.levels]

    def _passed(self, rate: int) -> bool:
        return any(level["pass"] for level in self.levels if level["rate"] == rate)

    def _failed(self, rate: int) -> bool:
        tries = [level for level in self.levels if level["rate"] == rate]
        return not self._passed(rate) and (len(tries) > 1 or any(map(_badly, tries)))


def _badly(level: Figures) -> bool:
    return _count(level["failed"]) > _FEW * _count(level["calls"])


def _count(value: object) -> int:
    if not isinstance(value, int):
        raise AssertionError("a count")
    return value


def complete_calls(
    search: Search,
    tell: Callable[[str], None],
    start: Start,
    database: PostgreSQL | None = None,
) -> Figures:
    """The highest rate that passes, and what every level came to.

    One engine for as long as it passes, and a fresh one after a level that failed: an overloaded one
    goes on with stale calls for a while. `database` is where the engines of `start` keep their calls.
    """
    climb, began_s = Climb(search), time.monotonic()

    def next_rate() -> int:
        in_time = time.monotonic() - began_s < search.budget_s
        return climb.next_rate() if in_time or not climb.levels else 0

    while next_rate():
        with start() as target:
            message_ms = warm(target)
            wait_until_idle(target)  # what stands by has begun
            while rate := next_rate():
                measure = partial(_level, target, rate, search.level_s, message_ms, database)
                level = _begun(measure, tell)
                climb.levels.append(level)
                tell(_line(level))
                if not level["pass"]:
                    break
    passed = [level for level in climb.levels if level["pass"]]
    best = max(passed, key=lambda level: _count(level["rate"]), default=None)
    return {
        "database": f"PostgreSQL {database.version}" if database else "SQLite",
        "calls_a_second": best["rate"] if best else 0,
        "best": best,
        "levels": climb.levels,
    }


def at_one_rate(rate: int, level_s: float, tell: Callable[[str], None], start: Start) -> Figures:
    """What one level comes to on a fresh engine."""
    with start() as target:
        warm(target)
        wait_until_idle(target)
        return one_level(target, rate, level_s, tell)


def one_level(target: Target, rate: int, level_s: float, tell: Callable[[str], None]) -> Figures:
    """What one level comes to on an engine that runs."""
    return _begun(partial(_level, target, rate, level_s, warm(target), None), tell)


def _begun(level: Callable[[], Figures], tell: Callable[[str], None]) -> Figures:
    """The level; a few more tries if the callers did not start, which says nothing of the server."""
    for _ in range(_TRIES - 1):
        try:
            return level()
        except NotStarted as error:
            tell(f"once more: {error}")
    return level()


def warm(target: Target) -> float:
    """The message is made and cached, and every path was walked once; returns its length in ms."""
    heard_ms: list[float] = []

    def script(caller: Caller) -> Script:
        call = caller.place(HANGUP)
        yield lambda: "BYE" in call.times_ns
        heard_ms.append((call.last_audio_ns - call.times_ns["audio"]) / 1e6 + _PACKET_MS)

    ended_before = target.stats().get("ended", 0)
    with target.caller(probing=False) as caller:
        caller.perform(script(caller) for _ in range(2))
        if not heard_ms:
            raise BenchError(f"a call was not hung up with a message: {caller.failures}")
    _notified(target, ended_before + 2)
    return heard_ms[-1]


def _level(
    target: Target, rate: int, level_s: float, message_ms: float, database: PostgreSQL | None
) -> Figures:
    calls = int(rate * level_s)
    ended_before = target.stats()["ended"]
    with sink(level_s + 60, expect_packets=round(message_ms / _PACKET_MS)) as receiver:
        load = Load("server_bye", target.sip, HANGUP, receiver.port, rate, calls)
        with callers(load) as sipp:
            meter = Meter(
                server=target.pid,
                application=target.application_pid,
                sipp=sipp.pid,
                sink=receiver.pid,
                **({"database": database.pid} if database else {}),
            )
            outcome = sipp.result()
            ended = _notified(target, ended_before + calls) - ended_before
            costs = meter.stop()
        heard = receiver.close()
    late_s = outcome.took_s - calls / rate - message_ms / 1000
    return {
        "rate": rate,
        "calls": calls,
        "pass": _passes(outcome, calls, ended, heard, message_ms, late_s),
        "failed": max(outcome.failed, calls - outcome.ok),
        "retransmitted": outcome.retransmitted,
        "notified_of_the_end": ended,
        "heard_whole": heard["complete_streams"],
        "setup_p50_ms": outcome.setup_p50_ms,
        "setup_p99_ms": outcome.setup_p99_ms,
        "ack_to_bye_p50_ms": outcome.ack_to_bye_p50_ms,
        "ack_to_bye_p99_ms": outcome.ack_to_bye_p99_ms,
        **{key: heard[key] for key in ("gap_p50_ms", "gap_p99_ms", "gap_max_ms", "lost")},
        "late_s": round(late_s, 2),
        **_costs(costs, calls),
    }


def _costs(costs: Costs, calls: int) -> Figures:
    measured = [name for name in ("server", "application", "database") if name in costs.cpu_s]
    return {
        **{
            f"{name}_cpu_ms_a_call": round(costs.cpu_s[name] * 1000 / calls, 3) for name in measured
        },
        "busy": costs.busy,
        "others": costs.others,
    }


def _notified(target: Target, wanted: int) -> int:
    """How many calls the application was told the end of, once it is `wanted`, or soon enough."""
    deadline_s = time.monotonic() + _NOTIFIED_S
    while (ended := target.stats()["ended"]) < wanted:
        if time.monotonic() > deadline_s:
            break
        time.sleep(0.02)
    return ended


def _passes(
    outcome: Outcome,
    calls: int,
    ended: int,
    heard: dict[str, int],
    message_ms: float,
    late_s: float,
) -> bool:
    """Every call complete, heard whole and told; nothing piles up."""
    return (
        outcome.ok == calls
        and outcome.failed == 0
        and ended == calls
        and heard["complete_streams"] >= calls
        and heard["lost"] == 0
        and (outcome.setup_p99_ms or 0) <= _SETUP_P99_MS
        and (outcome.ack_to_bye_p99_ms or 0) <= message_ms + _BYE_P99_MS
        and late_s < _LATE_S
    )


def _line(level: Figures) -> str:
    verdict = "pass" if level["pass"] else "FAIL"
    return (
        f"{level['rate']}/s {verdict}: failed {level['failed']} of {level['calls']}, set-up p99 "
        f"{number(level['setup_p99_ms'])} ms, gap p99 {number(level['gap_p99_ms'])} ms, server "
        f"{level['server_cpu_ms_a_call']} ms CPU a call, busy {level['busy']}, "
        f"others {level['others']}"
    )


def rows(figures: Figures) -> list[Row]:
    """The figures of part 1 for a person."""
    best = figures["best"]
    found: list[Row] = [
        ("kept in", str(figures["database"])),
        ("complete calls a second", str(figures["calls_a_second"])),
    ]
    if not isinstance(best, dict):
        return found
    if "database_cpu_ms_a_call" in best:
        found.append(("PostgreSQL CPU a call", f"{best['database_cpu_ms_a_call']} ms"))
    return [
        *found,
        ("set-up p50 / p99 (grain 4 ms)", _two(best, "setup_p50_ms", "setup_p99_ms")),
        ("gap between packets p50 / p99", _two(best, "gap_p50_ms", "gap_p99_ms")),
        ("packets lost", str(best["lost"])),
        ("server CPU a call", f"{best['server_cpu_ms_a_call']} ms"),
        ("cores busy, of that others", f"{best['busy']:.0%}, {best['others']:.0%}"),
    ]


def _two(figures: Figures, one: str, other: str) -> str:
    return f"{number(figures[one])} / {number(figures[other])} ms"
