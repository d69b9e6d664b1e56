"""Whether one tree is slower than another: the same calls on both, in turns.

    python -m bench.paired BEFORE AFTER                    trees with a .venv of their own (make setup)
    python -m bench.paired BEFORE AFTER --parts highest    takes a minute for each tree and round

A round measures both, in the order A B, the next one B A, so that what else the machine does is shared
fairly. The parts are `complete` (CPU of a complete call at one rate, as in `calls.py rates`), `playing` (CPU
of a call that plays, as in `calls.py playing`) and `highest` (complete calls a second). What counts is the
median of the ratios of the rounds; it says little if they are far apart, or `others` is above 0.1.
Everything is written as JSON to bench/out/paired.json after every round.
"""

import argparse
import contextlib
import math
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from bench import playing, rates
from bench.engines import Onhook, onhook
from bench.figures import Figures, Row, number, save, table
from bench.machine import busy_now
from bench.rig import OUT, BenchError, Command, onhook_of, raise_file_limit

BEGAN_S = time.monotonic()
Measure: TypeAlias = Callable[["Tree"], Figures]
Rounds: TypeAlias = list[tuple[Figures, Figures]]
"""Of each round what A and B came to."""
Compared: TypeAlias = Mapping[str, Sequence[tuple[str, str]]]
"""By part the figures that the two are compared by, with their titles."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One of the two; `prompts` are those that it made itself."""

    name: str
    onhook: Command
    prompts: Path

    def start(self) -> AbstractContextManager[Onhook]:
        """A fresh server, which has to make no message."""
        return onhook(self.prompts, command=self.onhook)

    def start_empty(self) -> AbstractContextManager[Onhook]:
        """A fresh server with nothing."""
        return onhook(command=self.onhook)


FIGURES: Compared = {
    "complete": [("server_cpu_ms_a_call", "CPU of a complete call, ms")],
    "playing": [("cpu_s_per_call_minute", "CPU of a minute of a playing call, s")],
    "highest": [("calls_a_second", "complete calls a second")],
}


def tell(line: str) -> None:
    """Progress, on standard error."""
    print(f"[{time.monotonic() - BEGAN_S:5.0f} s] {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def trees(folders: Sequence[Path]) -> Iterator[tuple[Tree, Tree]]:
    """Both, ready to be measured."""
    with contextlib.ExitStack() as stack:
        commands = [onhook_of(folder.resolve()) for folder in folders]
        made = [stack.enter_context(playing.prompts(onhook)) for onhook in commands]
        first, second = map(Tree, "AB", commands, made)
        yield first, second


def measures(given: argparse.Namespace) -> dict[str, Measure]:
    """How each part is measured."""
    search = rates.Search(given.rate, given.step, budget_s=given.budget)
    return {
        **cpu_measures(given),
        "highest": lambda tree: rates.complete_calls(search, tell, tree.start_empty),
    }


def cpu_measures(given: argparse.Namespace) -> dict[str, Measure]:
    """What a complete call costs, and one that plays."""
    return {
        "complete": lambda tree: rates.at_one_rate(given.rate, given.level, tell, tree.start_empty),
        "playing": lambda tree: playing.playing_at_once(given.calls, given.window, tree.start),
    }


def one_round(number_: int, pair: tuple[Tree, Tree], measure: Measure) -> tuple[Figures, Figures]:
    """Both trees; every other round begins with the second."""
    order = pair if number_ % 2 == 0 else pair[::-1]
    found = {tree.name: measure(tree) for tree in order}
    return found["A"], found["B"]


def ratios(rounds: Rounds, figure: str) -> list[float]:
    """B to A in each round. BenchError if there is nothing to compare."""
    return [
        _value(after, figure) / (_value(before, figure) or math.nan) for before, after in rounds
    ]


def _value(figures: Figures, name: str) -> float:
    value = figures[name]
    if not isinstance(value, int | float):
        raise BenchError(f"{name} was not measured: {figures.get('failures')}")
    return float(value)


def rows(found: Mapping[str, Rounds], compared: Compared = FIGURES) -> list[Row]:
    """The comparison for a person."""
    lines: list[Row] = []
    for part, rounds in found.items():
        for figure, title in compared[part]:
            before, after = (
                statistics.median(_value(one, figure) for one in each)
                for each in zip(*rounds, strict=True)
            )
            each = ratios(rounds, figure)
            lines += [
                (f"{title}: A, B, medians", f"{number(before)}, {number(after)}"),
                (
                    f"  B to A in {len(rounds)} rounds: median (lowest to highest)",
                    f"{statistics.median(each):.3f} ({min(each):.3f} to {max(each):.3f})",
                ),
            ]
    return lines


def compare(
    given: argparse.Namespace, measure: Mapping[str, Measure], compared: Compared = FIGURES
) -> None:
    """Measures the parts that were asked for, on both trees in turns, and prints the comparison."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    raise_file_limit()
    OUT.mkdir(exist_ok=True)
    tell(f"the machine is {busy_now():.0%} busy with other work")
    found: dict[str, Rounds] = {part: [] for part in given.parts}
    try:
        with trees(given.trees) as pair:
            for round_ in range(given.rounds):
                for part in given.parts:
                    found[part].append(one_round(round_, pair, measure[part]))
                    save(given.out, found)
                    tell(f"round {round_ + 1}, {part}: {_told(found[part][-1:], compared[part])}")
        print(table(f"A {given.trees[0]}, B {given.trees[1]}", rows(found, compared)))
    except BenchError as error:
        sys.exit(f"bench: {error}")
    print(f"JSON: {given.out}")


def _told(last: Rounds, figures: Sequence[tuple[str, str]]) -> str:
    """The ratios of one round, and what failed in it."""
    told = [f"B to A {', '.join(f'{ratios(last, figure)[0]:.3f}' for figure, _ in figures)}"]
    for name, one in zip("AB", last[0], strict=True):
        if one.get("failed") or one.get("pass") is False:
            told.append(f"{name} FAIL ({one.get('failed', '')} failed)")
        if isinstance(others := one.get("others"), float) and others > 0.1:
            told.append(f"{name}: others {others:.2f}")
    return "; ".join(told)


def add_options(parser: argparse.ArgumentParser, out: str, rounds: int) -> None:
    """The options of all comparisons."""
    add = parser.add_argument
    add("trees", type=Path, nargs=2, metavar="TREE", help="A, which is before, and B")
    add("--rounds", type=int, default=rounds, help="how often both are measured")
    add("--rate", type=int, default=60, help="complete: calls a second; highest: the first rate")
    add("--level", type=float, default=10, help="complete: seconds of load")
    add("--calls", type=int, default=500, help="playing: how many at once")
    add("--window", type=float, default=10, help="playing: seconds that are measured")
    add("--out", type=Path, default=OUT / out, help="where the JSON goes")


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, "paired.json", rounds=6)
    add = parser.add_argument
    add("--parts", nargs="+", choices=list(FIGURES), default=["complete", "playing"])
    add("--step", type=int, default=10, help="highest: how fine the search is")
    add("--budget", type=float, default=60, help="highest: seconds for a search")
    return parser.parse_args()


def main() -> None:
    """Measures, and prints the comparison."""
    given = parse()
    compare(given, measures(given))


if __name__ == "__main__":
    main()
