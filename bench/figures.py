"""What is made of many measurements: percentiles, and the table at the end."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Figure: TypeAlias = float | int | str | bool | None
Figures: TypeAlias = dict[str, object]
"""The figures of a part, as they go into the JSON."""

Row: TypeAlias = tuple[str, str]
"""What was measured, and its figure for a person."""


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of them are, by nearest rank; None without any."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * (len(ordered) - 1) + 0.5))]


def spread(name: str, values: Sequence[float]) -> Figures:
    """`n`, and the p50, p99 and maximum of times in milliseconds, under names that begin alike."""
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    found = {f"{name}_{label}_ms": percentile(values, share) for label, share in shares.items()}
    rounded = {key: None if value is None else round(value, 3) for key, value in found.items()}
    return {f"{name}_n": len(values), **rounded}


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds came to."""

    least: float
    median: float
    most: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """None without any."""
        if not values:
            return None
        return cls(min(values), statistics.median(values), max(values), len(values))


def found_at(figures: Mapping[str, object], path: str) -> float | None:
    """The number at a path such as `best.gap_p99_ms`; None if there is none."""
    found: object = figures
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found)


def pair(figures: Mapping[str, object], name: str) -> str:
    """`p50 / p99 ms` of what `spread` made; dashes where nothing could be measured."""
    p50, p99 = figures.get(f"{name}_p50_ms"), figures.get(f"{name}_p99_ms")
    return f"{number(p50)} / {number(p99)} ms"


def number(value: object) -> str:
    """A figure with three significant digits, or a dash."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def table(title: str, rows: Sequence[Row]) -> str:
    """The rows below a title, in two columns."""
    width = max((len(what) for what, _ in rows), default=0)
    lines = [f"  {what:<{width}}  {figure}" for what, figure in rows]
    return "\n".join([title, *lines])


def save(path: Path, figures: Mapping[str, object]) -> None:
    """Writes the JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")
