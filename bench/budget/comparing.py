"""Figures of a call beside those that were committed. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

TOLERANCE = 0.05
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Figure:
    """What a call takes of one thing, and of what it is made up."""

    total: float
    of: Mapping[str, float]


Figures = Mapping[str, Figure]
"""By what is counted."""


class Verdict(Enum):
    """How a figure stands to the committed one."""

    SAME = "as committed"
    MORE = "MORE than committed"
    LESS = "less than committed"
    NEW = "not committed yet"
    GONE = "not measured here"


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure, the committed one, and what made the difference."""

    name: str
    before: float | None
    now: float | None
    verdict: Verdict
    moved: Sequence[tuple[str, float, float]] = ()
    """What changed most, the largest first: name, before, now."""


def compare(measured: Figures, committed: Figures) -> list[Compared]:
    """Each figure of either side."""
    names = dict.fromkeys([*committed, *measured])
    return [_compared(name, committed.get(name), measured.get(name)) for name in names]


def _compared(name: str, before: Figure | None, now: Figure | None) -> Compared:
    if before is None:
        return Compared(name, None, now.total if now else None, Verdict.NEW)
    if now is None:
        return Compared(name, before.total, None, Verdict.GONE)
    if now.total > before.total * (1 + TOLERANCE):
        verdict = Verdict.MORE
    elif now.total < before.total * (1 - TOLERANCE):
        verdict = Verdict.LESS
    else:
        return Compared(name, before.total, now.total, Verdict.SAME)
    return Compared(name, before.total, now.total, verdict, _moved(before, now, verdict))


def _moved(before: Figure, now: Figure, verdict: Verdict) -> list[tuple[str, float, float]]:
    """What went the same way as the whole."""
    sign = 1 if verdict is Verdict.MORE else -1
    pairs = [
        (name, before.of.get(name, 0.0), now.of.get(name, 0.0))
        for name in dict.fromkeys([*before.of, *now.of])
    ]
    moved = [pair for pair in pairs if (pair[2] - pair[1]) * sign > 0]
    return sorted(moved, key=lambda pair: -abs(pair[2] - pair[1]))[:_MOST_NAMED]


def least(one: Figures, other: Figures) -> Figures:
    """Of each figure the smaller one: something else may have added to the larger."""
    return {
        name: min(figure, other.get(name, figure), key=lambda each: each.total)
        for name, figure in one.items()
    }


def told(found: Sequence[Compared]) -> str:
    """For a person: a line a figure, and below it what made the difference."""
    width = max(len(each.name) for each in found)
    lines = []
    for each in found:
        line = f"{each.name:<{width}}  {_number(each.now):>9}  {_number(each.before):>9}"
        lines.append(f"{line}  {each.verdict.value if each.verdict is not Verdict.SAME else ''}")
        lines += [
            f"{'':<{width}}    {name}: {_number(before)} -> {_number(now)}"
            for name, before, now in each.moved
        ]
    head = f"{'of a complete call':<{width}}  {'measured':>9}  {'committed':>9}"
    return "\n".join([head, *(line.rstrip() for line in lines)])


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def written(figures: Figures, about: Mapping[str, str]) -> str:
    """The file to be committed."""
    shown = {
        name: {
            "total": _rounded(figure.total),
            "of": {
                part: _rounded(value)
                for part, value in sorted(figure.of.items(), key=lambda pair: -pair[1])
                if _rounded(value) > 0
            },
        }
        for name, figure in figures.items()
    }
    return json.dumps({"about": dict(about), "figures": shown}, indent=1) + "\n"


def _rounded(value: float) -> float:
    return round(value) if value >= 1000 else round(value, 2)


def read(text: str) -> tuple[Figures, dict[str, str]]:
    """Figures, and what they were measured with."""
    found = json.loads(text)
    figures = {
        name: Figure(figure["total"], figure["of"]) for name, figure in found["figures"].items()
    }
    return figures, found["about"]
