"""Calls, minutes, spend, answer rate, latency and errors by hour or day, as figures that a script draws.

The tables are what is drawn: they are read by whoever does not see the drawing, or has no scripts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from onhook.billing import exact, from_micros
from onhook.console.visit import Visit
from onhook.store.figures import DAY_MS, HOUR_MS, Step, Told, summed_calls, summed_notifications


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time that can be chosen."""

    label: str
    steps: int
    step_ms: int


STRETCHES: Final[Mapping[str, Stretch]] = {
    "day": Stretch("24 hours", 24, HOUR_MS),
    "week": Stretch("7 days", 7 * 24, HOUR_MS),
    "month": Stretch("31 days", 31, DAY_MS),
    "year": Stretch("a year", 366, DAY_MS),
}


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing: a column for each of ``series``, a value a step; None where there is none to speak of."""

    title: str
    unit: str
    series: Sequence[str]
    rows: Sequence[tuple[int, Sequence[float | None]]]
    as_bars: bool = False


async def show(visit: Visit) -> Response:
    """The charts of a stretch of time up to now."""
    chosen = visit.query.get("of", "day")
    name = chosen if chosen in STRETCHES else "day"
    stretch = STRETCHES[name]
    now_ms = round(time.time() * 1000)
    until_ms = now_ms - now_ms % stretch.step_ms + stretch.step_ms
    since_ms = until_ms - stretch.steps * stretch.step_ms
    asked = (visit.services.store, since_ms, until_ms, stretch.step_ms)
    calls, told = await summed_calls(*asked), await summed_notifications(*asked)
    begins = range(since_ms, until_ms, stretch.step_ms)
    return visit.render(
        "charts.html",
        charts=_charts(begins, calls, told),
        stretches=STRETCHES,
        chosen=name,
        total=_total(calls),
        by_day=stretch.step_ms == DAY_MS,
        day_of=lambda at_ms: datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d"),
    )


def _charts(begins: Sequence[int], calls: Sequence[Step], told: Sequence[Told]) -> list[Chart]:
    """All that are drawn of these rows."""
    by_step: dict[int, list[Step]] = {}
    for one in calls:
        by_step.setdefault(one.begin_ms, []).append(one)
    attempts = {one.begin_ms: one for one in told}
    currencies = sorted({one.currency for one in calls}) or [""]

    def of(
        value: Callable[[int, Sequence[Step]], Sequence[float | None]],
    ) -> list[tuple[int, Sequence[float | None]]]:
        return [(at, value(at, by_step.get(at, ()))) for at in begins]

    def latency(at: int, steps: Sequence[Step]) -> Sequence[float | None]:
        answered = sum(one.answered for one in steps)
        ringing = sum(one.ringing_ms for one in steps) / 1000
        tries = attempts.get(at)
        return (
            _ratio(ringing, answered),
            None if tries is None else _ratio(tries.took_ms / 1000, tries.attempts),
        )

    def errors(at: int, steps: Sequence[Step]) -> Sequence[float | None]:
        tries = attempts.get(at)
        return sum(one.faults for one in steps), 0 if tries is None else tries.failed

    return [
        Chart("Calls", "", ("calls", "answered"), of(
            lambda _, steps: (sum(o.calls for o in steps), sum(o.answered for o in steps))
        ), as_bars=True),
        Chart("Minutes talked", "min", ("minutes",), of(
            lambda _, steps: (round(sum(one.talked_ms for one in steps) / 60_000, 1),)
        ), as_bars=True),
        Chart("Answered, of a hundred calls", "%", ("answered",), of(
            lambda _, steps: (
                _ratio(100 * sum(o.answered for o in steps), sum(o.calls for o in steps)),
            )
        )),
        Chart("Spend", "", [one or "spend" for one in currencies], of(
            lambda _, steps: [
                sum(o.debit_micros for o in steps if o.currency == currency) / 1_000_000
                for currency in currencies
            ]
        ), as_bars=True),
        Chart("Latency", "s", ("ring to answer", "notification to reply"), of(latency)),
        Chart("Errors", "", ("calls that failed", "attempts to notify that failed"), of(errors),
              as_bars=True),
    ]  # fmt: skip


def _ratio(part: float, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def _total(calls: Sequence[Step]) -> Mapping[str, object]:
    """Of all steps together."""
    count, answered = sum(one.calls for one in calls), sum(one.answered for one in calls)
    spend: dict[str, int] = {}
    for one in calls:
        spend[one.currency] = spend.get(one.currency, 0) + one.debit_micros
    return {
        "calls": f"{count:,}",
        "answered": "–" if not count else f"{100 * answered / count:.1f} %",
        "minutes": f"{sum(one.talked_ms for one in calls) / 60_000:,.0f}",
        "spend": ", ".join(f"{c} {exact(from_micros(m))}" for c, m in sorted(spend.items())) or "–",
        "errors": f"{sum(one.faults for one in calls):,}",
    }
