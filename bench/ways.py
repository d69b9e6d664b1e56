"""How many modules and functions of Onhook a request passes on its way.

    python -m bench.ways                    this tree
    python -m bench.ways ANOTHER_TREE       one with a .venv of its own, as make setup leaves it
    python -m bench.ways --list             every function, in the order in which it is first passed

A real server is run, and each way is gone again and again; it has nothing else to do, and has made the
message before. A function is passed if it runs each time; one that runs as well when nothing happens (the
measurement of the loop's lag) is not. Entries are those of them that another module calls. Ways begin and
end with a packet, by the kernel's time stamp:

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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from bench.application import SECOND
from bench.caller import Call, Caller, Script
from bench.figures import Figures, Row, save, table
from bench.gathers import Typing
from bench.rig import (
    HERE,
    OUT,
    PROBE,
    BenchError,
    data_directory,
    end,
    onhook_of,
    raise_file_limit,
    rig,
)

ROUNDS = 8
DIGITS = 5
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
    """The functions that are passed, in the order in which they first are."""

    passed: Sequence[Function]
    entries: frozenset[Function]
    """Those of them that another module calls."""

    def modules(self) -> Counter[str]:
        """How many modules of each part."""
        return Counter(module.split(".")[1] for module in {module for module, _ in self.passed})


@dataclass(frozen=True, slots=True)
class Trace:
    """What `traced.py` wrote."""

    functions: Sequence[Function]
    calls: Sequence[tuple[int, int, bool]]
    """Moment, place in `functions`, whether another module called."""
    steps: Sequence[int]

    @classmethod
    def read(cls, path: Path) -> "Trace":
        """From its file."""
        found = json.loads(path.read_text())
        functions = [(module, name) for module, name in found["functions"]]
        # Threads run side by side: what one of them wrote first may have begun later.
        return cls(functions, sorted(tuple(call) for call in found["calls"]), found["steps"])

    def _within(self, span: Span) -> Sequence[tuple[int, int, bool]]:
        low, high = (bisect_left(self.calls, (at_ns, 0, False)) for at_ns in span)
        return self.calls[low:high]

    def way(self, spans: Sequence[Span]) -> Way:
        """What is passed within each of the spans."""
        calls = [self._within(span) for span in spans]
        common = set.intersection(*({place for _, place, _ in each} for each in calls))
        passed = dict.fromkeys(place for _, place, _ in calls[0] if place in common)
        entries = {place for _, place, crosses in calls[0] if crosses and place in common}
        return Way(
            [self.functions[place] for place in passed],
            frozenset(self.functions[place] for place in entries),
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
    found = {name: trace.way(each) for name, each in gone.items()}
    return {
        name: Way([one for one in way.passed if one not in idle], way.entries - idle)
        for name, way in found.items()
    }


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
    return [(name, _counted(way)) for name, way in found.items()]


def _counted(way: Way) -> str:
    modules = way.modules()
    parts = ", ".join(f"{part} {count}" for part, count in modules.most_common())
    functions = f"{len(way.passed)} functions, {len(way.entries)} entries"
    return f"{modules.total()} modules ({parts}), {functions}"


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "tree", type=Path, nargs="?", default=HERE.parent, help="by default this one"
    )
    parser.add_argument("--list", action="store_true", help="name the functions")
    parser.add_argument("--out", type=Path, default=OUT / "ways.json", help="where the JSON goes")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    raise_file_limit()
    try:
        found = measure(given.tree.resolve())
    except BenchError as error:
        sys.exit(f"bench: {error}")
    figures: Figures = {
        name: {"passed": way.passed, "entries": sorted(way.entries)} for name, way in found.items()
    }
    save(given.out, figures)
    if given.list:
        for name, way in found.items():
            print(table(name, way.passed))
    print(table("What is passed", rows(found)))


if __name__ == "__main__":
    main()
