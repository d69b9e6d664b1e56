"""One measurement of the table, in a process of its own, so that it can be ended whatever it waits for.

    python -m bench.measures NAME OUT [--engine asterisk] [--quick] [--prompts FOLDER] [--hint 400]

`table.py` runs these; OUT gets the figures as JSON. Progress goes to standard error.
"""

import argparse
import ctypes
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench import (
    breakdown,
    clipping,
    idling,
    killing,
    latency,
    playing,
    processes,
    rates,
    relaying,
)
from bench.engines import Start, onhook
from bench.figures import Figures, save
from bench.peer.asterisk import asterisk
from bench.postgresql import postgresql
from bench.rig import OUT, BenchError, raise_file_limit
from bench.sizes import FULL, QUICK, Sizes

ONHOOK, ASTERISK = ENGINES = ("onhook", "asterisk")
_PEER_SETUP_RATE = 80
"""Calls a second by which Asterisk is filled; faster, it begins to lose some."""
_REFINED = 1
_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured."""

    engine: str
    sizes: Sizes
    prompts: Path | None = None
    hint: int = 0
    """The figure of an earlier round, near which a search begins; 0 if there is none."""

    @property
    def ours(self) -> bool:
        return self.engine == ONHOOK

    @property
    def start(self) -> Start:
        """A fresh engine that has its messages."""
        return partial(onhook, self.prompts) if self.ours else asterisk

    @property
    def start_empty(self) -> Start:
        """A fresh engine."""
        return onhook if self.ours else asterisk


def tell(text: str) -> None:
    """Progress."""
    print(f"    {text}", file=sys.stderr, flush=True)


def _prompts(asked: Asked) -> Figures:
    """The long message, for all that follow."""
    if asked.prompts is None:
        raise BenchError("--prompts says where they go")
    with playing.prompts() as made:
        shutil.copytree(made, asked.prompts, dirs_exist_ok=True)
    return {}


def _search(asked: Asked, begins: int, budget_s: float) -> rates.Search:
    near = int(asked.hint * 0.85) // asked.sizes.step * asked.sizes.step
    return rates.Search(
        near or begins, asked.sizes.step, level_s=asked.sizes.level_s, budget_s=budget_s
    )


def _complete(asked: Asked) -> Figures:
    sizes = asked.sizes
    begins = sizes.begins if asked.ours else sizes.peer_begins
    search = _search(asked, begins, sizes.search_s)
    return rates.complete_calls(search, tell, asked.start_empty)


def _steady(asked: Asked) -> Figures:
    sizes = asked.sizes
    return rates.at_one_rate(sizes.steady, sizes.steady_s, tell, asked.start_empty)


def _on_postgresql(asked: Asked) -> Figures:
    with postgresql() as database:

        def start() -> Any:
            return onhook(database_url=database.new_database())

        search = _search(asked, asked.sizes.begins, asked.sizes.postgresql_s)
        return rates.complete_calls(search, tell, start, database)


def _playing(asked: Asked, levels: Sequence[int], scenario: str = "hold") -> Figures:
    rate = playing.SETUP_RATE if asked.ours else _PEER_SETUP_RATE
    window_s = asked.sizes.window_s
    found = playing.growing(levels, window_s, asked.start, tell, scenario=scenario, rate=rate)
    step = asked.sizes.playing_step
    for _ in range(_REFINED):
        passed = max((_calls(level) for level in found if level["pass"]), default=0)
        failed = min((_calls(level) for level in found if not level["pass"]), default=0)
        middle = (passed + failed) // 2 // step * step
        if not passed < middle < failed:
            break
        level = playing.playing_at_once(middle, window_s, asked.start, scenario=scenario, rate=rate)
        tell(playing.line(level))
        found.append(level)
    passing = [level for level in found if level["pass"]]
    best = max(passing, key=_calls, default=None)
    return {
        "highest": _calls(best) if best else 0,
        "best": best,
        "levels": sorted(found, key=_calls),
        "others": max((_share(level["others"]) for level in found), default=0.0),
    }


def _calls(level: Figures) -> int:
    calls = level["calls"]
    if not isinstance(calls, int):
        raise AssertionError("a count")
    return calls


def _share(value: object) -> float:
    if not isinstance(value, float):
        raise AssertionError("a share of the cores")
    return value


def _in_the_clear(asked: Asked) -> Figures:
    return _playing(asked, asked.sizes.playing if asked.ours else asked.sizes.peer_playing)


def _srtp(asked: Asked) -> Figures:
    found = _playing(asked, asked.sizes.srtp, "hold_srtp")
    best = found["best"]
    if isinstance(best, dict) and best["odd_size"] != best["packets"]:
        raise BenchError("audio came that was not encrypted")
    return found


def _hangup(asked: Asked) -> Figures:
    return latency.forced_hangups(asked.sizes.hangups, 0, asked.start)


def _hangup_loaded(asked: Asked) -> Figures:
    return latency.forced_hangups(asked.sizes.hangups, asked.sizes.others, asked.start)


def _beside(asked: Asked) -> Figures:
    sizes = asked.sizes
    rates_ = sizes.beside if asked.ours else sizes.peer_beside
    levels = latency.beside_complete_calls(rates_, sizes.beside_s, asked.start, tell)
    return {"levels": levels}


def _messages(asked: Asked) -> Figures:
    return latency.blocks_and_messages(asked.sizes.messages, asked.start_empty)


def _idle(asked: Asked) -> Figures:
    if not asked.ours:
        return idling.idle(asked.start_empty, asked.sizes.idle_s)
    return processes.memory(asked.start_empty, asked.sizes.spoken, asked.sizes.idle_s)


def _clipping(asked: Asked) -> Figures:
    return clipping.clipped(asked.sizes.heard, asked.sizes.lengths, at_once=10)


def _relay(asked: Asked) -> Figures:
    return relaying.relayed(asked.sizes.pairs, asked.sizes.relay_s)


def _killed(asked: Asked) -> Figures:
    return killing.switch_killed(asked.sizes.others, asked.start)


def _breakdown(asked: Asked) -> Figures:
    sizes = asked.sizes
    return breakdown.of_a_call(sizes.steady, sizes.steady_s, sizes.messages, tell)


@dataclass(frozen=True, slots=True)
class Measure:
    """How something is measured, and in what time: what takes longer than `bound_s` hangs."""

    title: str
    run: Callable[[Asked], Figures]
    bound_s: float
    peer: bool = False
    once: bool = False
    """In the first round only."""
    hint: str = ""
    """The figure near which the next round begins."""


MEASURES: Final[Mapping[str, Measure]] = {
    "complete": Measure(
        "complete calls a second", _complete, 300, peer=True, hint="calls_a_second"
    ),
    "steady": Measure("CPU of a complete call", _steady, 90, peer=True),
    "playing": Measure("calls that play at once", _in_the_clear, 420, peer=True),
    "hangup": Measure("forced hangups, idle", _hangup, 150, peer=True),
    "hangup_loaded": Measure("forced hangups, others play", _hangup_loaded, 240, peer=True),
    "idle": Measure("idle, and after speech", _idle, 180, peer=True),
    "srtp": Measure("calls that play over SRTP", _srtp, 360),
    "relay": Measure("relayed calls", _relay, 90),
    "messages": Measure("new and cached messages", _messages, 180),
    "clipping": Measure("messages heard to their end", _clipping, 150),
    "killed": Measure("the switch killed", _killed, 120),
    "postgresql": Measure(
        "complete calls on PostgreSQL", _on_postgresql, 240, hint="calls_a_second"
    ),
    "beside": Measure("hangups beside complete calls", _beside, 240, peer=True, once=True),
    "breakdown": Measure("where the time goes", _breakdown, 150, once=True),
}
"""In the order in which they are made."""


def main() -> None:
    """Measures one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", choices=["prompts", *MEASURES])
    parser.add_argument("out", type=Path)
    parser.add_argument("--engine", choices=ENGINES, default=ONHOOK)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--hint", type=int, default=0)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)  # and when nobody is there for the figures
    raise_file_limit()
    OUT.mkdir(exist_ok=True)
    sizes = QUICK if given.quick else FULL
    asked = Asked(given.engine, sizes, given.prompts, given.hint)
    run = _prompts if given.name == "prompts" else MEASURES[given.name].run
    began_s = time.monotonic()
    try:
        figures = run(asked)
    except BenchError as error:
        sys.exit(f"{given.name}: {error}")
    save(given.out, {**figures, "took_s": round(time.monotonic() - began_s, 1)})


if __name__ == "__main__":
    main()
