"""The plots of the documents: growth, latency against load, where the time goes, memory. Pure."""

import statistics
from collections.abc import Mapping, Sequence

from bench.figures import found_at
from bench.playing import GAP_P99_MS
from bench.rows import Run
from bench.svg import Axis, Line, bar_plot, line_plot

NAMES = {"onhook": "Onhook", "asterisk": "Asterisk 22"}
_FEWEST = 0.02
"""Of the whole: smaller parts are drawn together."""


def levels(
    runs: Sequence[Run], measure: str, engine: str, by: str, name: str
) -> list[tuple[float, float]]:
    """The median of a figure at each level of a measurement, `by` calls or rate; ascending."""
    found: dict[float, list[float]] = {}
    for run in runs:
        if (run.measure, run.engine) != (measure, engine):
            continue
        kept = run.figures.get("levels")
        for level in kept if isinstance(kept, list) else ():
            where, value = found_at(level, by), found_at(level, name)
            if where is not None and value is not None and level.get("pass", True):
                found.setdefault(where, []).append(value)
    return [(where, statistics.median(values)) for where, values in sorted(found.items())]


def all_of(runs: Sequence[Run]) -> dict[str, str]:
    """SVG by name of file; what was not measured is left out."""
    found = {
        "growth-gap.svg": _growth(
            runs, "Longest gap between packets, but for one in a hundred", "ms", "gap_p99_ms",
            [Line("can be listened to", [(10, GAP_P99_MS), (5000, GAP_P99_MS)], dashed=True)],
        ),
        "growth-cpu.svg": _growth(
            runs, "CPU seconds a minute of one playing call", "seconds", "cpu_s_per_call_minute"
        ),
        "memory.svg": _growth(
            runs, "Memory of all processes (PSS)", "MiB", "memory_mib_playing"
        ),
        "latency.svg": _latency(runs),
        "call-cpu.svg": _where_cpu_goes(runs),
        "call-waits.svg": _what_is_waited_for(runs),
    }  # fmt: skip
    return {name: drawn for name, drawn in found.items() if drawn}


def _growth(
    runs: Sequence[Run], title: str, unit: str, figure: str, besides: Sequence[Line] = ()
) -> str:
    lines = [
        Line(f"{NAMES[engine]}{', SRTP' * (measure == 'srtp')}", points)
        for engine, measure in (("onhook", "playing"), ("asterisk", "playing"), ("onhook", "srtp"))
        if (points := levels(runs, measure, engine, "calls", figure))
    ]
    x = Axis("calls that play at once", logarithmic=True)
    return line_plot(title, x, Axis(unit), [*lines, *besides]) if lines else ""


def _latency(runs: Sequence[Run]) -> str:
    lines = [
        Line(f"{NAMES[engine]}, {share}", points)
        for engine in NAMES
        for share in ("p50", "p99")
        if (points := levels(runs, "beside", engine, "rate", f"hangup_to_bye_{share}_ms"))
    ]
    title = "From the request for a forced hangup to its BYE"
    x = Axis("complete calls a second meanwhile")
    return line_plot(title, x, Axis("ms", logarithmic=True), lines) if lines else ""


def breakdown(runs: Sequence[Run]) -> Mapping[str, object]:
    """The last one that was made; empty if there is none."""
    found = [run.figures for run in runs if run.measure == "breakdown" and not run.error]
    return found[-1] if found else {}


def _where_cpu_goes(runs: Sequence[Run]) -> str:
    found = breakdown(runs)
    if not found:
        return ""
    bars = [
        ("by process", _parts(found["by_process"])),
        ("of the switch, by part of Onhook or by library", _parts(found["by_part"])),
    ]
    return bar_plot("CPU of a complete call", "ms", bars)


def _what_is_waited_for(runs: Sequence[Run]) -> str:
    found = breakdown(runs)
    if not found:
        return ""
    return bar_plot("What a complete call waits for", "ms", [("median", _pairs(found["steps"]))])


def _parts(of: object) -> list[tuple[str, float]]:
    """The largest first; what is small together."""
    pairs = _pairs(of)
    least = _FEWEST * sum(size for _, size in pairs)
    large = sorted((pair for pair in pairs if pair[1] >= least), key=lambda pair: -pair[1])
    rest = sum(size for _, size in pairs if 0 < size < least)
    return [*large, ("the rest", rest)] if rest else large


def _pairs(of: object) -> list[tuple[str, float]]:
    if not isinstance(of, Mapping):
        raise AssertionError("sizes by name")
    return [(str(name), float(size)) for name, size in of.items()]
