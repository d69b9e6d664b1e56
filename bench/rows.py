"""The rows of the table: which figure of which measurement each is, and what is promised of it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from bench.figures import Spread, found_at
from bench.machine import BUSY

Value: TypeAlias = Callable[[Mapping[str, object]], float | None]
"""From the figures of a measurement to that of a row."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement of one engine in one round; `others` is the share of all cores that was not ours."""

    measure: str
    engine: str
    round: int
    figures: Mapping[str, object]
    others: float = 0.0
    error: str = ""

    @classmethod
    def read(cls, kept: Mapping[str, object]) -> "Run":
        """From the JSON. KeyError or TypeError if it is none."""
        return cls(**kept)  # type: ignore[arg-type]  # JSON that we wrote


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. `over` is the measurement of the same round whose figure this is divided by."""

    title: str
    unit: str
    measure: str
    value: Value
    more: bool = False
    """Whether more is better."""
    at_least: float | None = None
    and_then: float | None = None
    over: str = ""
    ours_alone: bool = False
    """Whether it says nothing of an engine that promises less."""

    def met(self, figure: float, promised: float | None) -> bool | None:
        """Whether a figure is as good as it was promised; None if nothing was."""
        if promised is None:
            return None
        return figure >= promised if self.more else figure <= promised


@dataclass(frozen=True, slots=True)
class Cell:
    """What a row came to for an engine."""

    spread: Spread
    busy: bool
    """Whether others used more of the machine than is good, in half of the rounds or more."""


def at(path: str) -> Value:
    """The figure at a path."""
    return partial(_at, path)


def _at(path: str, figures: Mapping[str, object]) -> float | None:
    return found_at(figures, path)


def with_calls(calls: int, name: str) -> Value:
    """The figure of the level at which so many calls play."""
    return partial(_with_calls, calls, name)


def _with_calls(calls: int, name: str, figures: Mapping[str, object]) -> float | None:
    levels = figures.get("levels")
    for level in levels if isinstance(levels, list) else ():
        if level["calls"] == calls and level["pass"]:
            return found_at(level, name)
    return None


_CPU = "cpu_s_per_call_minute"
_AMONG_500 = "others play"

ROWS: Final[Sequence[Row]] = (
    Row("complete calls a second, the highest rate that passes", "", "complete",
        at("calls_a_second"), True, 450, 600),
    Row("CPU of a complete call, all processes, at 150 a second", "ms", "steady",
        at("server_cpu_ms_a_call"), False, 2.8, 2.2),
    Row("CPU of a complete call at the highest rate", "ms", "complete",
        at("best.server_cpu_ms_a_call"), False, 2.8, 2.2),
    Row("the application's CPU of a complete call, at 150 a second", "ms", "steady",
        at("application_cpu_ms_a_call")),
    Row("complete calls a second on PostgreSQL", "", "postgresql", at("calls_a_second"), True),
    Row("the same, to SQLite's", "times", "postgresql", at("calls_a_second"), True,
        over="complete"),
    Row("calls playing at once, none of their packets lost", "", "playing", at("highest"), True,
        4500, 5000),
    Row("gap between packets then, p99", "ms", "playing", at("best.gap_p99_ms"), False, 30),
    Row("the same over SRTP", "", "srtp", at("highest"), True, 1500, 2500),
    Row("gap between packets then, p99", "ms", "srtp", at("best.gap_p99_ms"), False, 30),
    Row("CPU seconds a minute of a playing call, of 100", "s", "playing", with_calls(100, _CPU),
        False, 0.020, 0.016),
    Row("of 500", "s", "playing", with_calls(500, _CPU)),
    Row("of 1,000", "s", "playing", with_calls(1000, _CPU), False, 0.015, 0.0135),
    Row("of 4,500", "s", "playing", with_calls(4500, _CPU), False, 0.015, 0.0105),
    Row("a relayed call, of a core, media threads", "%", "relay", at("percent_of_a_core_a_call"),
        False, 0.04, 0.035),
    Row("idle: CPU, of a core", "%", "idle", at("idle_cpu_percent"), False, 0.5, 0.2),
    Row("idle: memory (PSS)", "MiB", "idle", at("idle_pss_mib"), False, 200, 140),
    Row("after speech: memory (PSS)", "MiB", "idle", at("speech_pss_mib"), False, 300, 240),
    Row("forced hangup to BYE, idle, p50", "ms", "hangup", at("hangup_to_bye_p50_ms"), False,
        1.5, 0.8),
    Row("forced hangup to BYE, idle, p99", "ms", "hangup", at("hangup_to_bye_p99_ms"), False, 3,
        1.5),
    Row("with 500 calls playing, p50", "ms", "hangup_loaded", at("hangup_to_bye_p50_ms"), False,
        1.6, 0.9),
    Row("with 500 calls playing, p99", "ms", "hangup_loaded", at("hangup_to_bye_p99_ms"), False,
        2.4, 1.6),
    Row("the reply to it (on disk), idle, p50", "ms", "hangup", at("hangup_to_reply_p50_ms")),
    Row("the reply to it (on disk), idle, p99", "ms", "hangup", at("hangup_to_reply_p99_ms")),
    Row("a flush of the disk in the same run, p50", "ms", "hangup", at("flush_p50_ms")),
    Row("a flush of the disk in the same run, p99", "ms", "hangup", at("flush_p99_ms")),
    Row("the reply beyond a flush, p50", "ms", "hangup", at("reply_beyond_flush_p50_ms"), False, 2,
        1, ours_alone=True),
    Row("the reply beyond a flush, p99", "ms", "hangup", at("reply_beyond_flush_p99_ms"), False, 3,
        2, ours_alone=True),
    Row("INVITE to 200 through the application, idle, p50", "ms", "hangup",
        at("invite_to_200_p50_ms")),
    Row("with 500 calls playing, p50", "ms", "hangup_loaded", at("invite_to_200_p50_ms"), False, 8,
        5),
    Row("with 500 calls playing, p99", "ms", "hangup_loaded", at("invite_to_200_p99_ms"), False, 16,
        10),
    Row("hangup with a new message of 10 words to its first packet, p50", "ms", "messages",
        at("new_message_p50_ms"), False, 60, 40),
    Row("hangup with a cached message to its first packet, p50", "ms", "messages",
        at("cached_message_p50_ms"), False, 4, 3),
    Row("clipped of a message before BYE, the worst", "ms", "clipping", at("clipped_ms"), False, 0,
        0),
    Row("last sample heard to BYE, median", "ms", "clipping", at("to_bye_p50_ms")),
    Row("the switch killed, 500 calls playing: calls lost", "", "killed", at("calls_lost"), False, 0,
        0),
    Row("packets lost", "", "killed", at("packets_lost"), False, 0, 0),
    Row("until a request is answered again", "s", "killed", at("answered_again_s"), False, 1.0, 0.3),
)  # fmt: skip


def cell(row: Row, engine: str, runs: Sequence[Run]) -> Cell | None:
    """What the rounds of an engine came to; None if nothing was measured."""
    values, busy = [], 0
    if row.ours_alone and engine != "onhook":
        return None
    for run in runs:
        if run.engine != engine or run.measure != row.measure:
            continue
        figure = _figure(row, run, runs)
        if figure is not None:
            values.append(figure)
            busy += run.others > BUSY
    spread = Spread.of(values)
    return Cell(spread, 2 * busy >= len(values)) if spread else None


def _figure(row: Row, run: Run, runs: Sequence[Run]) -> float | None:
    figure = row.value(run.figures)
    if not row.over or figure is None:
        return figure
    for other in runs:
        same = (other.engine, other.round, other.measure) == (run.engine, run.round, row.over)
        if same and (below := row.value(other.figures)):
            return figure / below
    return None


def failures(runs: Sequence[Run]) -> list[str]:
    """What went wrong, a sentence each."""
    return [
        f"{run.measure} of {run.engine}, round {run.round}: {run.error}"
        for run in runs
        if run.error
    ]
