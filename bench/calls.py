"""What Onhook does on this machine: calls a second, packet gaps, CPU and memory a call, latencies.

    python bench/calls.py                       everything, in under four minutes on two cores
    python bench/calls.py rates --step 10       one part, with options (--help)
    python bench/calls.py rates --database postgresql
    python bench/calls.py playing --calls 3000

The load generator, the audio's receiver and the application run on the same machine, over loopback. The
callers are silent. Figures are printed as a table, and written as JSON to bench/out/calls.json.
"""

import argparse
import contextlib
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import latency, playing, rates, starting
from bench.engines import Onhook, onhook
from bench.figures import Figures, Row, save, table
from bench.machine import busy_now
from bench.postgresql import PostgreSQL, postgresql
from bench.rig import OUT, BenchError, raise_file_limit

BEGAN_S = time.monotonic()


def tell(line: str) -> None:
    """Progress, on standard error."""
    print(f"[{time.monotonic() - BEGAN_S:5.0f} s] {line}", file=sys.stderr, flush=True)


def run_start(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Part 5."""
    figures = starting.starts(options.starts)
    return figures, starting.rows(figures)


def run_hangup(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Part 3."""
    with playing.prompts() as made:
        start = partial(onhook, made)
        idle = latency.forced_hangups(options.hangups, 0, start)
        loaded = latency.forced_hangups(options.hangups, options.others, start)
    return {"idle": idle, "loaded": loaded}, latency.forced_rows(idle, loaded)


def run_blocks(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Part 4."""
    figures = latency.blocks_and_messages(options.messages, onhook)
    return figures, latency.block_rows(figures)


def run_playing(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Part 2."""
    levels = []
    with playing.prompts() as made:
        for calls in options.calls:
            levels.append(playing.playing_at_once(calls, options.window, partial(onhook, made)))
            tell(f"{calls} calls: {'pass' if levels[-1]['pass'] else 'FAIL'}")
    return {"levels": levels}, playing.rows(levels)


def run_rates(options: argparse.Namespace) -> tuple[Figures, list[Row]]:
    """Part 1."""
    search = rates.Search(options.start, options.step, options.top, options.level, options.budget)
    with contextlib.ExitStack() as stack:
        wanted = options.database == "postgresql"
        database = stack.enter_context(postgresql()) if wanted else None
        figures = rates.complete_calls(search, tell, partial(kept_in, database), database)
    return figures, rates.rows(figures)


def kept_in(database: PostgreSQL | None) -> AbstractContextManager[Onhook]:
    """A fresh server with an empty database."""
    return onhook(database_url=database.new_database() if database else "")


Run = Callable[[argparse.Namespace], tuple[Figures, list[Row]]]

PARTS: dict[str, tuple[str, Run]] = {
    "start": ("Start of the process", run_start),
    "rates": (
        "Complete calls: ring, notification, hangup with a message, BYE, notification",
        run_rates,
    ),
    "playing": ("Calls that play at once", run_playing),
    "hangup": ("Forced hangup", run_hangup),
    "blocks": ("Blocks and messages", run_blocks),
}


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    add("--out", type=Path, default=OUT / "calls.json", help="where the JSON goes")
    add("--starts", type=int, default=5, help="start: how often")
    add("--start", type=int, default=50, help="rates: the first, in calls a second")
    add("--step", type=int, default=25, help="rates: how fine the search is")
    add("--top", type=int, default=1000, help="rates: the last")
    add("--level", type=float, default=4, help="rates: seconds of load a level")
    add("--budget", type=float, default=60, help="rates: seconds for the search")
    add(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="rates: where calls are kept; a PostgreSQL server is started for it",
    )
    add("--calls", type=int, nargs="+", default=[500, 1000, 2000], help="playing: how many")
    add("--window", type=float, default=5, help="playing: seconds that are measured")
    add("--hangups", type=int, default=500, help="hangup: calls, idle and loaded")
    add("--others", type=int, default=500, help="hangup: calls that play meanwhile")
    add("--messages", type=int, default=100, help="blocks: calls for each time")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def main() -> None:
    """Runs the parts that were asked for."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    raise_file_limit()
    figures: Figures = {
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "callers": "silent",
        "busy_before": busy_now(),
    }
    tell(f"the machine is {figures['busy_before']:.0%} busy with other work")
    tables = []
    try:
        for name, (title, run) in PARTS.items():
            if options.parts and name not in options.parts:
                continue
            tell(title)
            figures[name], rows = run(options)
            save(options.out, figures)
            tables.append(table(title, rows))
    except BenchError as error:
        sys.exit(f"bench: {error}")
    print("\n\n".join(tables))
    print(
        f"\nCallers are silent; everything ran on this machine, over loopback. JSON: {options.out}"
    )


if __name__ == "__main__":
    main()
