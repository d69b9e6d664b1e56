"""Parts 3 and 4: how long one call waits for what it asked for."""

import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.application import SECOND, TWO_MINUTES
from bench.called import HANGUP, PLAY, PROBE
from bench.caller import Caller, Script
from bench.disk import Flushes
from bench.engines import Start, Target
from bench.figures import Figures, Row, pair, percentile, spread
from bench.idling import wait_until_idle
from bench.load import Load, callers, sink
from bench.machine import Meter
from bench.playing import begun
from bench.rig import BenchError

_VOCABULARY = """
apple river window garden yellow seven morning train silver bottle market doctor winter paper orange
castle friend number circle button summer island pencil mirror basket candle dinner flower guitar
hammer jacket kitten ladder monkey needle office parrot rabbit saddle ticket valley walnut zebra
bridge copper dragon engine forest golden harbor
"""
_WARM_UP = 10
_SETUP_RATE = 100
_PATIENCE_S = 15.0
_EVERY_S = 0.05  # of the calls of part 4, which last for about 2.5 s


class NewMessages:
    """Messages of ten words; with 50 words to draw from, none comes twice. They are other ones each time, but
    for a ``seed``."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
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
def _warm_caller(target: Target) -> Iterator[Caller]:
    with target.caller() as caller:
        caller.perform(_forced(caller, Samples()) for _ in range(_WARM_UP))
        caller.failures.clear()
        yield caller


def _forced(caller: Caller, samples: Samples, flushes: Flushes | None = None) -> Script:
    """A call that plays; then a forced hangup. Its request to the BYE, to the reply, to the bill. When
    nothing is left to be done, the disk is asked how long it takes."""
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns
    caller.play(call, TWO_MINUTES)
    yield lambda: "audio" in call.times_ns
    due_s = time.monotonic() + random.uniform(0.005, 0.02)
    yield lambda: time.monotonic() >= due_s
    request = caller.hang_up(call)
    yield lambda: {"BYE", "BYE answered", "ended"} <= set(call.times_ns) and bool(request.status)
    samples.add("invite_to_200", call.times_ns["INVITE"], call.times_ns["200"])
    samples.add("hangup_to_bye", request.sent_ns, call.times_ns["BYE"])
    samples.add("hangup_to_reply", request.sent_ns, request.replied_ns)
    samples.add("forced_end_to_notification", call.times_ns["BYE answered"], call.times_ns["ended"])
    if flushes is not None:
        flushes.once()


def forced_hangups(count: int, playing: int, start: Start) -> Figures:
    """Part 3: forced hangups one after another, while `playing` other calls play."""
    with start() as target, contextlib.ExitStack() as stack:
        caller = stack.enter_context(_warm_caller(target))
        flushes = stack.enter_context(Flushes(target.folder))
        wait_until_idle(target)
        if playing:
            _play_to_others(stack, target, playing, life_s=20 + count * 0.5)
        meter, samples = Meter(server=target.pid), Samples()
        caller.perform(_forced(caller, samples, flushes) for _ in range(count))
        costs = meter.stop()
        return {
            "calls": count,
            "playing": playing,
            **samples.figures(),
            **spread("flush", flushes.times_ms),
            **_beyond_a_flush(samples, flushes),
            "failed": len(caller.failures),
            "failures": sorted(set(caller.failures))[:5],
            "server_cpu_s": costs.cpu_s["server"],
            "busy": costs.busy,
            "others": costs.others,
        }


def _beyond_a_flush(samples: Samples, flushes: Flushes) -> Figures:
    """What a reply takes beyond what the disk takes, of both the p50 and the p99."""
    found: Figures = {}
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        reply = percentile(samples.times.get("hangup_to_reply", []), share)
        flush = percentile(flushes.times_ms, share)
        if reply is not None and flush is not None:
            found[f"reply_beyond_flush_{name}_ms"] = round(reply - flush, 3)
    return found


def _play_to_others(
    stack: contextlib.ExitStack, target: Target, playing: int, life_s: float
) -> None:
    up_s = playing / _SETUP_RATE
    receiver = stack.enter_context(sink(life_s + up_s))
    load = Load("hold", target.sip, PLAY, receiver.port, _SETUP_RATE, playing, hold_s=life_s)
    stack.enter_context(callers(load))
    there = begun(target, playing, up_s + _PATIENCE_S)
    if there < playing:
        raise BenchError(f"only {there} of {playing} calls play beside what is to be measured")


def beside_complete_calls(
    rates: Sequence[int], window_s: float, start: Start, tell: Callable[[str], None]
) -> list[Figures]:
    """Forced hangups, one after another, while complete calls come at each of `rates` a second."""
    found: list[Figures] = []
    with start() as target, _warm_caller(target) as caller:
        for rate in rates:
            samples = Samples()
            meter = Meter(server=target.pid)
            with contextlib.ExitStack() as stack:
                if rate:
                    receiver = stack.enter_context(sink(window_s + 30))
                    calls = round(rate * (window_s + 2))
                    load = Load("server_bye", target.sip, HANGUP, receiver.port, rate, calls)
                    stack.enter_context(callers(load))
                    time.sleep(2)  # as long as a call takes
                ends_s = time.monotonic() + window_s
                caller.perform(_until(ends_s, caller, samples))
            costs = meter.stop()
            found.append({"rate": rate, **samples.figures(), "failed": len(caller.failures),
                          "busy": costs.busy, "others": costs.others})  # fmt: skip
            tell(f"beside {rate} calls a second: to BYE {pair(found[-1], 'hangup_to_bye')}")
            time.sleep(2)
    return found


def _until(ends_s: float, caller: Caller, samples: Samples) -> Iterator[Script]:
    while time.monotonic() < ends_s:
        yield _forced(caller, samples)


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


def blocks_and_messages(count: int, start: Start) -> Figures:
    """Part 4: `count` calls for each of its times."""
    with start() as target, _warm_caller(target) as caller:
        meter, samples, new = Meter(server=target.pid), Samples(), NewMessages()
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
            "others": costs.others,
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
