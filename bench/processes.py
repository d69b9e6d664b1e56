"""What a server costs that has one process or several: CPU, latency and memory of two trees, in turns.

    python -m bench.processes BEFORE AFTER --rounds 3      trees with a .venv of their own (make setup)
    python -m bench.processes BEFORE AFTER --parts memory hangup

A round measures both, the next one in the other order, as in `paired.py`. CPU and memory are those of all
processes that descend from `onhook serve`, itself included. The parts:

    complete  CPU of a complete call at one rate, as in `calls.py rates`
    playing   CPU of a call that plays, as in `calls.py playing`
    hangup    forced hangups one after another: from the request to the BYE, and to the reply
    loaded    the same while `--calls` others play
    memory    PSS of a server that has started and does nothing, the CPU that it takes meanwhile, how long
              its very first message takes to be heard, and PSS after `--messages` messages in three voices

What counts is the median of the ratios of the rounds; it says little if they are far apart, or `others` (in
the JSON) is above 0.1. Everything is written to bench/out/processes.json after every round.
"""

import argparse
from collections.abc import Iterator

from bench import idling, latency
from bench.caller import Caller, Script
from bench.engines import Start
from bench.figures import Figures
from bench.idling import doing_nothing, wait_until_idle
from bench.latency import Samples
from bench.paired import (
    FIGURES,
    Compared,
    Measure,
    Tree,
    add_options,
    compare,
    cpu_measures,
)
from bench.speech import VOICES, Speech, first_packet

_PATIENCE_S = 60.0
_FIRST = "Good morning. You have reached our office, which is open until six."
"""The first message: the same for both, as there is only one in a round."""
_SEED = 9
"""All others are the same for both, too: what a sentence is long weighs more than what is compared."""


def _latencies(besides: str) -> list[tuple[str, str]]:
    return [
        (f"hangup_to_{what}_{share}_ms", f"hangup to {name}, {besides}, {share}, ms")
        for what, name in (("bye", "BYE"), ("reply", "reply"))
        for share in ("p50", "p99")
    ]


COMPARED: Compared = {
    "complete": FIGURES["complete"],
    "playing": FIGURES["playing"],
    "hangup": _latencies("idle"),
    "loaded": _latencies("others play"),
    "memory": [
        ("idle_pss_mib", "memory of all processes after the start, PSS, MiB"),
        ("idle_cpu_percent", "CPU of all processes that do nothing, % of a core"),
        ("first_message_ms", "request to first packet, the first message of all, ms"),
        ("speech_pss_mib", "memory of all processes after speech, PSS, MiB"),
    ],
}


def memory(start: Start, messages: int, window_s: float) -> Figures:
    """A fresh server that does nothing, then speaks, then does nothing again."""
    with start() as target:
        idle = doing_nothing(target, window_s)
        speech, samples = Speech(_SEED), Samples()
        with target.caller() as caller:
            for script in _spoken(caller, speech, samples, messages):
                caller.perform([script], patience_s=_PATIENCE_S)
        wait_until_idle(target)
        return {
            **idle,
            "first_message_ms": next(iter(samples.times.get("first", [])), None),
            **samples.figures(),
            **idling.memory(target, "speech"),
            "failed": len(caller.failures),
            "failures": sorted(set(caller.failures))[:5],
        }


def _spoken(caller: Caller, speech: Speech, samples: Samples, messages: int) -> Iterator[Script]:
    """The first message, and then some in each voice; all of them new."""
    yield first_packet(caller, samples, "first", _FIRST)
    for voice in VOICES:
        for _ in range(messages):
            yield first_packet(caller, samples, voice, speech.msg(voice, 10))


def measures(given: argparse.Namespace) -> dict[str, Measure]:
    """How each part is measured."""

    def hangups(tree: Tree, playing: int) -> Figures:
        return latency.forced_hangups(given.hangups, playing, tree.start)

    return {
        **cpu_measures(given),
        "hangup": lambda tree: hangups(tree, 0),
        "loaded": lambda tree: hangups(tree, given.calls),
        "memory": lambda tree: memory(tree.start_empty, given.messages, given.window),
    }


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser, "processes.json", rounds=3)
    add = parser.add_argument
    add("--parts", nargs="+", choices=list(COMPARED), default=list(COMPARED))
    add("--hangups", type=int, default=300, help="hangup, loaded: how many")
    add("--messages", type=int, default=10, help="memory: in each voice")
    return parser.parse_args()


def main() -> None:
    """Measures, and prints the comparison."""
    given = parse()
    compare(given, measures(given), COMPARED)


if __name__ == "__main__":
    main()
