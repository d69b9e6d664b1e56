"""How many modules and functions of Onhook a request passes on its way.

    python -m bench.ways                    this tree
    python -m bench.ways ANOTHER_TREE       one with a .venv of its own, as make setup leaves it
    python -m bench.ways --list             every function, in the order in which it is first passed

A real server is run, and each way is gone again and again; it has nothing else to do, and has made the
message before. A function is passed if it runs each time; one that runs as well when nothing happens (the
measurement of the loop's lag) is not.

To be followed is less: of the parts that stand beside one another (speech, phone, media, notify, billing,
store) only the functions that another part calls, their doors, and the modules of these; of all other
modules, the functions that another module calls. Ways begin and end with a packet, by the kernel's time
stamp:

- hangup: from a request with a message, for a call that rings, to its `success_ok`; the ACK comes later;
- invite: from an INVITE to its 180;
- digit: from a key of a Gather, not its last, until a fifth of a second later;
- notification: from the effects that the last key of a Gather has in the state machine, to the request.
"""

import argparse
import json
import signal
import sys
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from bench.application import SECOND
from bench.called import PROBE
from bench.caller import Call, Caller, Script
from bench.figures import Figures, Row, save, table
from bench.gathers import Typing
from bench.rig import HERE, OUT, BenchError, data_directory, end, onhook_of, raise_file_limit, rig
from bench.traced import ANOTHER_PART, SAME_MODULE

ROUNDS = 8
DIGITS = 5
BESIDE = frozenset({"speech", "phone", "media", "notify", "billing", "store"})
"""The parts that do not know one another: what is behind their doors is their own affair."""
QUIET_S = 0.4
"""After which nothing is left to be done of what happened before."""
AFTER_KEY_S = 0.2
_LONGEST_END_S = 30

Span: TypeAlias = tuple[int, int]
"""From and to, in nanoseconds since the epoch."""
Function: TypeAlias = tuple[str, str]
"""Module and qualified name."""


@dataclass(slots=True)
class Spans:
    """When each way was gone."""

    hangup: list[Span] = field(default_factory=list)
    invite: list[Span] = field(default_factory=list)
    digit: list[Span] = field(default_factory=list)
    notification: list[Span] = field(default_factory=list)
    """From the key, which is before the effects."""
    idle: list[Span] = field(default_factory=list)
    """Nothing was going on."""


@dataclass(frozen=True, slots=True)
class Way:
    """Functions in the order in which they are first passed."""

    passed: Sequence[Function]
    entries: frozenset[Function]
    """Those of them that another module calls."""
    doors: frozenset[Function]
    """Those of them that another part calls."""

    def without(self, idle: Collection[Function]) -> "Way":
        """What else is passed."""
        rest = [function for function in self.passed if function not in idle]
        return Way(rest, self.entries.difference(idle), self.doors.difference(idle))

    def followed(self) -> list[Function]:
        """Those that whoever reads along has to look at."""
        return [one for one in self.passed if one in (self.doors if _beside(one) else self.entries)]

    def modules(self) -> list[str]:
        """The modules that whoever reads along has to open."""
        kept = (one for one in self.passed if one in self.doors or not _beside(one))
        return list(dict.fromkeys(module for module, _ in kept))


def _part(module: str) -> str:
    return module.split(".")[1]


def _beside(function: Function) -> bool:
    return _part(function[0]) in BESIDE


def _by_part(modules: Iterable[str]) -> str:
    counted = Counter(map(_part, modules))
    return f"{counted.total()} ({', '.join(f'{part} {n}' for part, n in counted.most_common())})"


@dataclass(frozen=True, slots=True)
class Trace:
    """What `traced.py` wrote."""

    functions: Sequence[Function]
    calls: Sequence[tuple[int, int, int]]
    """Moment, place in `functions`, how far away the caller is."""
    steps: Sequence[int]

    @classmethod
    def read(cls, path: Path) -> "Trace":
        """From its file."""
        found = json.loads(path.read_text())
        functions = [(module, name) for module, name in found["functions"]]
        # Threads run side by side: what one of them wrote first may have begun later.
        return cls(functions, sorted(tuple(call) for call in found["calls"]), found["steps"])

    def _within(self, span: Span) -> Sequence[tuple[int, int, int]]:
        low, high = (bisect_left(self.calls, (at_ns, 0, 0)) for at_ns in span)
        return self.calls[low:high]

    def way(self, spans: Sequence[Span]) -> Way:
        """What is passed within each of the spans."""
        calls = [self._within(span) for span in spans]
        common = set.intersection(*({place for _, place, _ in each} for each in calls))
        first = [(self.functions[place], far) for _, place, far in calls[0] if place in common]
        return Way(
            list(dict.fromkeys(function for function, _ in first)),
            frozenset(function for function, far in first if far != SAME_MODULE),
            frozenset(function for function, far in first if far == ANOTHER_PART),
        )

    def from_effects(self, span: Span) -> Span:
        """The span from where the state machine last returned in it."""
        return max(at for at in self.steps if span[0] <= at < span[1]), span[1]


def ways(trace: Trace, spans: Spans) -> dict[str, Way]:
    """What each way passes."""
    gone = {
        "hangup": spans.hangup,
        "invite": spans.invite,
        "digit": spans.digit,
        "notification": [trace.from_effects(span) for span in spans.notification],
    }
    idle = set(trace.way(spans.idle).passed)
    return {name: trace.way(each).without(idle) for name, each in gone.items()}


def _pause(seconds: float) -> Script:
    until_s = time.monotonic() + seconds
    yield lambda: time.monotonic() >= until_s


def _hung_up(caller: Caller, spans: Spans) -> Script:
    """A call that rings, and is hung up with a message."""
    began_ns = time.time_ns()
    call = caller.place(PROBE, acknowledged=False)
    yield lambda: "ringing" in call.times_ns and "180" in call.times_ns
    yield from _pause(QUIET_S)
    request = caller.request(
        "ivr/end/hangup", session=call.session, msg=SECOND, notify_url=caller.url
    )
    yield lambda: bool(request.status)
    caller.acknowledge(call)
    yield lambda: "ended" in call.times_ns
    spans.invite.append((began_ns, call.times_ns["180"]))
    spans.hangup.append((request.sent_ns, request.replied_ns))
    yield from _pause(QUIET_S)


def _typed_upon(caller: Caller, spans: Spans) -> Script:
    """A call on which digits are typed: the first of them begins the audio of the phone as well."""
    call = caller.place(PROBE)
    yield lambda: bool(call.session)
    digits = str(DIGITS)
    request = caller.request(
        "ivr/middle/gather", session=call.session, max_digits=digits, notify_url=caller.url
    )
    yield lambda: bool(request.status) and call.media_port > 0
    yield from _pause(QUIET_S)
    for place, key in enumerate(_keys(call)):
        quiet_ns, typed_ns = time.time_ns() - round(AFTER_KEY_S * 1e9), time.time_ns()
        for packet in key:
            caller.audio.sendto(packet, ("127.0.0.1", call.media_port))
        if place == DIGITS - 1:
            yield lambda: "ongoing" in call.times_ns
            spans.notification.append((typed_ns, call.times_ns["ongoing"]))
        elif place:
            spans.idle.append((quiet_ns, typed_ns))
            spans.digit.append((typed_ns, typed_ns + round(AFTER_KEY_S * 1e9)))
        yield from _pause(AFTER_KEY_S + QUIET_S)
    caller.request("ivr/end/hangup", session=call.session, force="enabled", notify_url=caller.url)
    yield lambda: "ended" in call.times_ns


def _keys(call: Call) -> Iterable[list[bytes]]:
    """The packets of each key, which are sent at once."""
    apart = round((AFTER_KEY_S + QUIET_S) / 0.02)
    typing = Typing(("127.0.0.1", call.media_port), "1" * DIGITS, 0, apart)
    frames = typing.packets()
    for place in range(DIGITS):
        own = range(place * apart, (place + 1) * apart)
        yield [packet for frame in sorted(frames) if frame in own for packet in frames[frame]]


def measure(tree: Path) -> dict[str, Way]:
    """Runs the server of a tree, and goes all ways."""
    onhook = onhook_of(tree)
    spans = Spans()
    with data_directory() as folder:
        written = folder / "trace.json"
        traced = (onhook[0], str(HERE / "traced.py"), str(written))
        settings = {"ONHOOK_SHED_LAG_MS": "0"}
        with (
            rig(settings=settings, onhook=onhook, serving=traced) as running,
            Caller(running.server, running.account) as caller,
        ):
            running.account.add_number(PROBE, caller.url)
            time.sleep(1.1)  # numbers are believed that long
            caller.perform([_hung_up(caller, Spans()) for _ in range(2)], patience_s=30)
            caller.perform(_hung_up(caller, spans) for _ in range(ROUNDS))
            caller.perform(_typed_upon(caller, spans) for _ in range(ROUNDS))
            end(running.server.process, wait_s=_LONGEST_END_S)
            if caller.failures:
                raise BenchError(f"calls went wrong: {sorted(set(caller.failures))}")
        return ways(Trace.read(written), spans)


def rows(found: Mapping[str, Way]) -> list[Row]:
    """The counts for a person."""
    lines: list[Row] = []
    for name, way in found.items():
        passed = dict.fromkeys(module for module, _ in way.passed)
        lines += [
            (f"{name}: modules to be followed", _by_part(way.modules())),
            (f"{name}: functions to be followed", str(len(way.followed()))),
            (f"{name}: modules passed", _by_part(passed)),
            (f"{name}: functions passed", str(len(way.passed))),
        ]
    return lines


def _marked(way: Way, function: Function) -> Row:
    """With a star if it is to be followed."""
    module, name = function
    return f"{'*' if function in way.followed() else ' '} {module}", name


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "tree", type=Path, nargs="?", default=HERE.parent, help="by default this one"
    )
    parser.add_argument(
        "--list", action="store_true", help="name the functions; those to be followed have a star"
    )
    parser.add_argument("--out", type=Path, default=OUT / "ways.json", help="where the JSON goes")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    raise_file_limit()
    try:
        found = measure(given.tree.resolve())
    except BenchError as error:
        sys.exit(f"bench: {error}")
    figures: Figures = {
        name: {"followed": way.followed(), "modules": way.modules(), "passed": way.passed}
        for name, way in found.items()
    }
    save(given.out, figures)
    if given.list:
        for name, way in found.items():
            print(table(name, [_marked(way, function) for function in way.passed]))
    print(table("Ways", rows(found)))


if __name__ == "__main__":
    main()
