"""All figures of the table, of Onhook and of its peer, in one run on this machine.

    python -m bench.table                      three rounds, within an hour; make bench
    python -m bench.table --peer               beside Asterisk 22, in turns; make bench PEER=1
    python -m bench.table --quick              one round of little, in minutes; make bench QUICK=1
    python -m bench.table --only complete hangup --rounds 1
    python -m bench.table --report             the table and the documents of the last run once more

Each measurement is a process of its own with a bound, and a fresh server. Root has a network namespace of
its own. The callers, the receiver of audio and the application run on the same machine, and the callers are
silent. What was measured is written to bench/out/table.json after each measurement; the run before that
is kept beside it, and compared with. A whole run writes docs/performance.md and its plots; another writes
them to bench/out/docs.
"""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import apart, report, written
from bench.figures import found_at, save
from bench.machine import BUSY, busy_now, everyone_cpu_s, own_and_ended_cpu_s
from bench.measures import ENGINES, MEASURES, ONHOOK, Measure
from bench.peer import asterisk
from bench.rig import HERE, OUT
from bench.rows import Run, failures
from bench.sizes import FULL, QUICK

DOCS = HERE.parent / "docs"
BEGAN_S = time.monotonic()
_PROMPTS_S = 90.0
_QUIET_S = 20.0
"""How long a measurement waits for a machine on which nobody else works."""


def tell(line: str) -> None:
    """Progress, on standard error."""
    print(f"[{time.monotonic() - BEGAN_S:5.0f} s] {line}", file=sys.stderr, flush=True)


@dataclass(slots=True)
class Results:
    """What was measured, and where it is kept."""

    path: Path
    about: Mapping[str, object]
    runs: list[Run] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Those of an earlier run; none if there was none, or it cannot be read."""
        try:
            kept: dict[str, Any] = json.loads(path.read_text())
            return cls(path, kept["about"], [Run.read(run) for run in kept["runs"]])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path, {})

    def add(self, run: Run) -> None:
        """One more, which is written at once."""
        self.runs.append(run)
        self.save()

    def save(self) -> None:
        """As JSON."""
        save(self.path, {"about": self.about, "runs": [asdict(run) for run in self.runs]})

    def hint(self, name: str, engine: str) -> int:
        """Near which figure the next search may begin; 0 if nothing is known of it."""
        figure = MEASURES[name].hint
        for run in reversed(self.runs):
            if figure and (run.measure, run.engine) == (name, engine):
                return int(found_at(run.figures, figure) or 0)
        return 0


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--peer", action="store_true", help="measure Asterisk too; root, and installed")
    add("--quick", action="store_true", help="little of everything; no figures to be quoted")
    add("--rounds", type=int, help="3; with --quick 1")
    add("--only", nargs="+", choices=list(MEASURES), help="measure these")
    add("--budget", type=float, help="minutes after which nothing more is begun; 58")
    add("--out", type=Path, help="where the JSON goes: bench/out/table.json or table-quick.json")
    add("--docs", type=Path, help="where performance.md goes: docs, or bench/out/docs")
    add("--report", action="store_true", help="measure nothing: write what the last run came to")
    add("--shared-network", action="store_true", help="no network namespace of its own")
    given = parser.parse_args()
    whole = not given.quick and not given.only
    given.out = given.out or OUT / ("table-quick.json" if given.quick else "table.json")
    given.docs = given.docs or (DOCS if whole else OUT / "docs")
    sizes = QUICK if given.quick else FULL
    given.rounds = given.rounds or sizes.rounds
    given.budget_s = sizes.hour_s if given.budget is None else given.budget * 60
    return given


def measure_all(given: argparse.Namespace, results: Results) -> None:
    """Round by round, the engines in turns."""
    with tempfile.TemporaryDirectory(prefix="table-", dir=OUT) as folder:
        prompts = Path(folder, "prompts")
        told = apart.bounded(
            _command("prompts", ONHOOK, given, prompts, Path(folder, "none")), 90, HERE.parent
        )
        if told:
            raise SystemExit(f"bench: the long message could not be made: {told}")
        for round_, name, engine in order(given):
            measure, out = MEASURES[name], Path(folder, "figures.json")
            if time.monotonic() - BEGAN_S + measure.bound_s / 2 > given.budget_s:
                tell(f"no time for {measure.title} of {engine} in round {round_}")
                continue
            _wait_for_quiet(given)
            tell(f"round {round_}, {engine}: {measure.title}")
            out.unlink(missing_ok=True)
            hint = results.hint(name, engine)
            command = _command(name, engine, given, prompts, out, hint)
            results.add(_measured(command, measure, (round_, name, engine), out))


def order(given: argparse.Namespace) -> Iterator[tuple[int, str, str]]:
    """Round, measurement, engine. Every other round begins with the peer."""
    names = [name for name in MEASURES if not given.only or name in given.only]
    for round_ in range(1, given.rounds + 1):
        for name in names:
            if MEASURES[name].once and round_ > 1:
                continue
            both = given.peer and MEASURES[name].peer
            engines = ENGINES if both else (ONHOOK,)
            for engine in engines if round_ % 2 else engines[::-1]:
                yield round_, name, engine


def _command(
    name: str, engine: str, given: argparse.Namespace, prompts: Path, out: Path, hint: int = 0
) -> list[str]:
    return [
        sys.executable, "-m", "bench.measures", name, str(out), "--engine", engine,
        "--prompts", str(prompts), "--hint", str(hint), *(["--quick"] if given.quick else []),
    ]  # fmt: skip


def _measured(
    command: Sequence[str], measure: Measure, which: tuple[int, str, str], out: Path
) -> Run:
    """One measurement, with the share of the machine that others used meanwhile."""
    round_, name, engine = which
    began_s, all_s, own_s = time.monotonic(), everyone_cpu_s(), own_and_ended_cpu_s()
    error = apart.bounded(command, measure.bound_s, HERE.parent)
    seconds = time.monotonic() - began_s
    others_s = everyone_cpu_s() - all_s - (own_and_ended_cpu_s() - own_s)
    others = round(max(0.0, others_s) / seconds / (os.cpu_count() or 1), 3)
    figures: dict[str, object] = {}
    if not error:
        figures = json.loads(out.read_text())
    told = error or f"{seconds:.0f} s"
    tell(f"    {told}; others used {others:.1%} of the machine{' BUSY' * (others > BUSY)}")
    return Run(name, engine, round_, figures, others, error)


def _wait_for_quiet(given: argparse.Namespace) -> None:
    """For a bounded time; not when trying."""
    ends_s = time.monotonic() + (0 if given.quick else _QUIET_S)
    while busy_now(0.5) > BUSY and time.monotonic() < ends_s:
        pass


def about(given: argparse.Namespace, apart_: bool) -> dict[str, object]:
    """The machine and the run."""
    told = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in told if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "began": time.strftime("%Y-%m-%d %H:%M %z"),
        "cores": os.cpu_count(),
        "processor": models[0] if models else platform.machine(),
        "memory_gib": round(pages / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "peer": asterisk.version() if given.peer else "",
        "rounds": given.rounds,
        "quick": given.quick,
        "own_network": apart_,
    }


def show(results: Results, before: Results, docs: Path) -> None:
    """The table, what went wrong, and the documents."""
    table = written.lines(results.runs, before.runs)
    print(written.as_text(table))
    print("\n" + "\n".join(report.beside(results.about, results.runs)))
    for failure in failures(results.runs):
        print(f"failed: {failure}")
    report.write(docs, results.about, results.runs, before.runs)
    print(f"JSON: {results.path}; documents: {docs / 'performance.md'}")


def main() -> None:
    """Measures, and shows what came of it."""
    given = parse()
    OUT.mkdir(exist_ok=True)
    kept_before = given.out.with_name(f"{given.out.stem}-before.json")
    if given.report:
        show(Results.read(given.out), Results.read(kept_before), given.docs)
        return
    if given.peer and (why_not := asterisk.missing()):
        sys.exit(f"bench: {why_not}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    apart.adopt_orphans()
    alone = not given.shared_network and apart.network_of_its_own()
    if Results.read(given.out).runs:
        given.out.replace(kept_before)
    results = Results(given.out, about(given, alone))
    try:
        measure_all(given, results)
    except KeyboardInterrupt:
        tell("interrupted: this is what was measured")
        given.docs = OUT / "docs"
    finally:
        apart.end_descendants()
    show(results, Results.read(kept_before), given.docs)
    sys.exit(1 if failures(results.runs) else 0)


if __name__ == "__main__":
    main()
