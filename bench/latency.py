"""Parts 3 and 4: how long one call waits for what it asked for."""

import contextlib
import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.application import SECOND, TWO_MINUTES
from bench.caller import Caller, Script
from bench.figures import Figures, Row, pair, spread
from bench.load import Load, callers, sink
from bench.machine import Meter
from bench.rig import ONHOOK, PLAY, PROBE, Command, Rig, rig

_VOCABULARY = """
apple river window garden yellow seven morning train silver bottle market doctor winter paper orange
castle friend number circle button summer island pencil mirror basket candle dinner flower guitar
hammer jacket kitten ladder monkey needle office parrot rabbit saddle ticket valley walnut zebra
bridge copper dragon engine forest golden harbor
"""
_WARM_UP = 10
_SETUP_RATE = 100
_EVERY_S = 0.05  # of the calls of part 4, which last for about 2.5 s


class NewMessages:
    """Messages of ten words; with 50 words to draw from, none comes twice."""

    def __init__(self) -> None:
        self._random = random.Random()
        self._words = _VOCABULARY.split()

    def one(self) -> str:
        """The next message."""
        return " ".join(self._random.choice(self._words) for _ in range(10)).capitalize() + "."


@dataclass(slots=True)
class Samples:
    """Times in milliseconds, a list a name."""

    times: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, from_ns: int, to_ns: int) -> None:
        """Adds the time between two moments."""
        self.times.setdefault(name, []).append((to_ns - from_ns) / 1e6)

    def figures(self) -> Figures:
        """The spread of each list."""
        found: Figures = {}
        for name, values in self.times.items():
            found |= spread(name, values)
        return found


@contextlib.contextmanager
def _own_number(running: Rig) -> Iterator[Caller]:
    with Caller(running.server, running.account) as caller:
        running.account.add_number(PROBE, caller.url)
        warm = Samples()
        caller.perform(_forced(caller, warm) for _ in range(_WARM_UP))
        caller.failures.clear()
        yield caller


def _forced(caller: Caller, samples: Samples) -> Script:
    """A call that plays; then a forced hangup. Its request to the BYE, to the reply, to the bill."""
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns
    caller.request("ivr/middle/play", session=call.session, msg=TWO_MINUTES, notify_url=caller.url)
    yield lambda: "audio" in call.times_ns
    due_s = time.monotonic() + random.uniform(0.005, 0.02)
    yield lambda: time.monotonic() >= due_s
    request = caller.request(
        "ivr/end/hangup", session=call.session, force="enabled", notify_url=caller.url
    )
    yield lambda: "ended" in call.times_ns and bool(request.status)
    samples.add("hangup_to_bye", request.sent_ns, call.times_ns["BYE"])
    samples.add("hangup_to_reply", request.sent_ns, request.replied_ns)
    samples.add("forced_end_to_notification", call.times_ns["BYE answered"], call.times_ns["ended"])


def forced_hangups(count: int, playing: int, made: Path, onhook: Command = ONHOOK) -> Figures:
    """Part 3: forced hangups one after another, while `playing` other calls play."""
    with rig(made, onhook=onhook) as running, contextlib.ExitStack() as stack:
        caller = stack.enter_context(_own_number(running))
        if playing:
            _play_to_others(stack, running, playing, life_s=20 + count * 0.5)
        meter, samples = Meter(server=running.server.pid), Samples()
        caller.perform(_forced(caller, samples) for _ in range(count))
        costs = meter.stop()
        return {
            "calls": count,
            "playing": playing,
            **samples.figures(),
            "failed": len(caller.failures),
            "failures": sorted(set(caller.failures))[:5],
            "server_cpu_s": costs.cpu_s["server"],
            "busy": costs.busy,
        }


def _play_to_others(stack: contextlib.ExitStack, running: Rig, playing: int, life_s: float) -> None:
    up_s = playing / _SETUP_RATE
    receiver = stack.enter_context(sink(life_s + up_s))
    load = Load(
        "hold", running.server.sip, PLAY, receiver.port, _SETUP_RATE, playing, hold_s=life_s
    )
    stack.enter_context(callers(load))
    time.sleep(up_s + 2)


def forced_rows(idle: Figures, loaded: Figures) -> list[Row]:
    """The figures of part 3 for a person."""
    return [
        (f"{what}, p50 / p99", pair(figures, name))
        for figures, besides in ((idle, "idle"), (loaded, f"while {loaded['playing']} others play"))
        for what, name in (
            (f"request to BYE, {besides}", "hangup_to_bye"),
            (f"request to reply, {besides}", "hangup_to_reply"),
        )
    ] + [("failed", f"{idle['failed']} idle, {loaded['failed']} loaded")]


def _blocks(caller: Caller, samples: Samples) -> Script:
    """Play, told; hang up with a message, told. From the end of each block to its notification."""
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns
    caller.request("ivr/middle/play", session=call.session, msg=SECOND, notify_url=caller.url)
    yield lambda: "ongoing" in call.times_ns
    samples.add("play_end_to_notification", call.last_audio_ns, call.times_ns["ongoing"])
    caller.request("ivr/end/hangup", session=call.session, msg=SECOND, notify_url=caller.url)
    yield lambda: "ended" in call.times_ns
    samples.add("last_packet_to_bye", call.last_audio_ns, call.times_ns["BYE"])
    samples.add("hangup_end_to_notification", call.times_ns["BYE answered"], call.times_ns["ended"])


def _first_packet(caller: Caller, samples: Samples, name: str, message: str) -> Script:
    """A ringing call is hung up with a message: the request to the first packet."""
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns
    due_s = time.monotonic() + random.uniform(0.005, 0.015)
    yield lambda: time.monotonic() >= due_s
    request = caller.request(
        "ivr/end/hangup", session=call.session, msg=message, notify_url=caller.url
    )
    yield lambda: "audio" in call.times_ns
    samples.add(name, request.sent_ns, call.times_ns["audio"])
    caller.request("ivr/end/hangup", session=call.session, force="enabled", notify_url=caller.url)
    yield lambda: "ended" in call.times_ns


def blocks_and_messages(count: int) -> Figures:
    """Part 4: `count` calls for each of its times."""
    with rig() as running, _own_number(running) as caller:
        meter, samples, new = Meter(server=running.server.pid), Samples(), NewMessages()
        caller.perform(
            (_blocks(caller, samples) for _ in range(count)), at_once=50, every_s=_EVERY_S
        )
        messages = [new.one() for _ in range(count)]
        for name, message in itertools.chain.from_iterable(
            (("new_message", message), ("cached_message", message)) for message in messages
        ):
            caller.perform([_first_packet(caller, samples, name, message)])
        costs = meter.stop()
        return {
            "calls": count,
            **samples.figures(),
            "failed": len(caller.failures),
            "failures": sorted(set(caller.failures))[:5],
            "server_cpu_s": costs.cpu_s["server"],
            "busy": costs.busy,
        }


def block_rows(figures: Figures) -> list[Row]:
    """The figures of part 4 for a person."""
    times = {
        "play finished to notification, p50 / p99": "play_end_to_notification",
        "hangup finished to notification, p50 / p99": "hangup_end_to_notification",
        "last packet of the message to BYE, p50 / p99": "last_packet_to_bye",
        "request to first packet, new 10 words, p50 / p99": "new_message",
        "request to first packet, cached, p50 / p99": "cached_message",
    }
    rows = [(what, pair(figures, name)) for what, name in times.items()]
    return [*rows, ("failed", str(figures["failed"]))]
