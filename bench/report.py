"""`docs/performance.md`: what was measured, for somebody who wants to buy a machine."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import plots, written
from bench.figures import found_at
from bench.machine import BUSY
from bench.rows import Row, Run, cell, failures
from bench.sizing import CALL_S, KBIT_A_CALL, Measured, Size, cpu_a_minute, sizes

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_PAGE = f"# How fast it is, and what it takes\n\n{BEGIN}\n{END}\n"
_PLOTS = {
    "growth-gap.svg": "From 10 to 5,000 calls: gaps between packets",
    "growth-cpu.svg": "From 10 to 5,000 calls: CPU of each",
    "memory.svg": "Memory against calls",
    "latency.svg": "Latency against load",
    "call-cpu.svg": "Where the CPU of a call goes",
    "call-waits.svg": "What a call waits for",
}


def write(
    docs: Path, about: Mapping[str, object], runs: Sequence[Run], before: Sequence[Run]
) -> None:
    """The page, whose text outside the marks stays, and its plots."""
    page, folder = docs / "performance.md", docs / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = plots.all_of(runs)
    for name, svg in drawn.items():
        (folder / name).write_text(svg)
    text = page.read_text() if page.exists() else _PAGE
    page.write_text(between(text, measured(about, runs, before, list(drawn))))


def between(page: str, text: str) -> str:
    """The page with `text` between the marks. ValueError without them."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n{text.strip()}\n{END}{tail}"


def measured(
    about: Mapping[str, object],
    runs: Sequence[Run],
    before: Sequence[Run],
    drawn: Sequence[str],
) -> str:
    """All that is generated."""
    parts = [
        "\n".join(beside(about, runs)),
        "## The table\n\n" + written.as_markdown(written.lines(runs, before)),
        *(
            f"## {title}\n\n![{title}](performance/{name})"
            for name, title in _PLOTS.items()
            if name in drawn
        ),
        _sizing(runs),
        "\n".join(f"- Not measured: {failure}" for failure in failures(runs)),
    ]
    return "\n\n".join(part for part in parts if part)


def beside(about: Mapping[str, object], runs: Sequence[Run]) -> list[str]:
    """Where and when it was measured, and what else the machine did."""
    lines = [
        f"Measured {about.get('began')}: {about.get('cores')} cores ({about.get('processor')}), "
        f"{about.get('memory_gib')} GiB, Linux {about.get('kernel')}, Python {about.get('python')}"
        + (f", {about['peer']}" if about.get("peer") else "")
        + "; the load, the receiver of audio and the application on the same cores, over loopback.",
    ]
    if about.get("quick"):
        lines.append("A quick run, with few calls at low rates: nothing here is to be quoted.")
    shares = [run.others for run in runs]
    if shares:
        busy = sum(share > BUSY for share in shares)
        lines.append(
            f"Others used {statistics.median(shares):.1%} of the machine (median of {len(shares)} "
            f"measurements, at most {max(shares):.1%}); {busy} were made beside more than {BUSY:.0%}, "
            f"and rows where they are half or more are marked `{written.BUSY_MARK}`."
        )
    return lines


def _median(runs: Sequence[Run], measure: str, path: str) -> float | None:
    row = Row("", "", measure, lambda figures: found_at(figures, path))
    found = cell(row, "onhook", runs)
    return found.spread.median if found else None


def basis(runs: Sequence[Run]) -> Measured | None:
    """What the sizes are made of; None if something of it was not measured."""
    playing = plots.levels(runs, "playing", "onhook", "calls", "cpu_s_per_call_minute")
    memory = plots.levels(runs, "playing", "onhook", "calls", "memory_kib_a_call")
    found = [
        _median(runs, "steady", "server_cpu_ms_a_call"),
        _median(runs, "idle", "speech_pss_mib"),
        memory[-1][1] if memory else None,
        _median(runs, "complete", "calls_a_second"),
        _median(runs, "playing", "highest"),
    ]
    known = [value for value in found if value]
    if len(known) < len(found) or not playing:
        return None
    cost, base, kib, rate, calls = known
    levels = [(round(level), value) for level, value in playing]
    return Measured(cost, levels, base, kib, rate, calls)


def _sizing(runs: Sequence[Run]) -> str:
    measured_ = basis(runs)
    if measured_ is None:
        return ""
    head = ("calls at once", "calls a second", "CPU used", "cores", "memory", "network, each way")
    table = [head, *(_row(size) for size in sizes(measured_))]
    return (
        "## What machine for how many calls\n\n"
        f"For calls of {CALL_S:.0f} s each, of cores like those above:\n\n"
        f"{written.as_markdown(table)}\n\n{_rules(measured_)}"
    )


def _row(size: Size) -> tuple[str, ...]:
    each = f", of each of {size.servers} servers" if size.servers > 1 else ""
    return (
        f"{size.calls:,}",
        f"{size.a_second:g}",
        f"{size.cores_used:.2f} of a core",
        f"{size.cores}{each}",
        f"{size.memory_mib / 1024:.1f} GiB{each}",
        f"{size.mbit:.0f} Mbit/s",
    )


def _rules(of: Measured) -> str:
    some = cpu_a_minute(1000, of.playing)
    return (
        "Each row by these rules. Calls a second: calls at once over the length of a call. CPU: "
        f"{of.ms_a_call:.3g} ms for a complete call, and for each minute that it lasts what was measured "
        f"of the next fewer calls that play (among 1,000: {some:.3g} s). Cores: twice what is used. Memory: "
        f"{of.base_mib:.0f} MiB, that of a server after speech, {of.kib_a_call:.3g} KiB a call and half as "
        f"much again, and 512 MiB for the system. Network: {KBIT_A_CALL} kbit/s a call. Servers: one switch "
        f"is given no more than half of the {of.highest_rate:,.0f} calls a second, and of the "
        f"{of.highest_calls:,.0f} calls at once, that were measured."
    )
