"""Many calls that gather digits at once, all of them typed upon within two seconds.

    python bench/gathers.py                     500 calls, 8 digits each
    python bench/gathers.py --calls 100 --digits 4

Every call waits for its digits before the first one is typed. The keys are telephone-events as phones
send them (RFC 4733): of 100 ms, a packet every 20 ms, the last three times, then a pause. They come
from a process of their own. Counted is what the application is told: every digit, in order, once. Figures
are printed as a table, and written as JSON to bench/out/gathers.json.
"""

import argparse
import multiprocessing
import random
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.called import PROBE
from bench.caller import Call, Caller, Script
from bench.figures import Figures, Row, pair, save, spread, table
from bench.machine import Meter, busy_now
from bench.rig import OUT, BenchError, raise_file_limit, rig

SETUP_EVERY_S = 0.005
WITHIN_S = 2.0
FRAME_S = 0.02
TONE_FRAMES = 5
EVENTS, VOLUME = 101, 10
SAMPLES_A_FRAME = 160
PATIENCE_S = 30.0
_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")


@dataclass(frozen=True, slots=True)
class Typing:
    """What is typed on one call, from which frame on, and how many frames apart its keys are."""

    to: tuple[str, int]
    digits: str
    first_frame: int
    every_frames: int

    def packets(self) -> dict[int, list[bytes]]:
        """What is sent, by frame."""
        frames: dict[int, list[bytes]] = {}
        sequence, ssrc = random.randrange(1 << 15), random.randrange(1 << 32)
        for place, digit in enumerate(self.digits):
            start = self.first_frame + place * self.every_frames
            for frame in range(TONE_FRAMES):
                last = frame == TONE_FRAMES - 1
                for _ in range(3 if last else 1):
                    head = _HEADER.pack(
                        0x80,
                        EVENTS | (0x80 if frame == 0 else 0),
                        sequence,
                        start * SAMPLES_A_FRAME,
                        ssrc,
                    )
                    flags = VOLUME | (0x80 if last else 0)
                    event = _EVENT.pack(int(digit), flags, (frame + 1) * SAMPLES_A_FRAME)
                    frames.setdefault(start + frame, []).append(head + event)
                    sequence += 1
        return frames

    @property
    def last_key_frame(self) -> int:
        """When the last key goes down."""
        return self.first_frame + (len(self.digits) - 1) * self.every_frames


def type_all(sock: socket.socket, plan: Sequence[Typing], out: Connection) -> None:
    """Types everything in time; tells for each when its last key went down, and how late it was at most."""
    frames: dict[int, list[tuple[bytes, tuple[str, int]]]] = {}
    keys: dict[int, list[int]] = {}
    for index, typing in enumerate(plan):
        keys.setdefault(typing.last_key_frame, []).append(index)
        for frame, packets in typing.packets().items():
            frames.setdefault(frame, []).extend((packet, typing.to) for packet in packets)
    downs_ns, late_s = [0] * len(plan), 0.0
    begin_s = time.monotonic() + 0.1
    for frame in sorted(frames):
        due_s = begin_s + frame * FRAME_S
        time.sleep(max(0.0, due_s - time.monotonic()))
        late_s = max(late_s, time.monotonic() - due_s)
        at_ns = time.time_ns()
        for packet, to in frames[frame]:
            sock.sendto(packet, to)
        for index in keys.get(frame, ()):
            downs_ns[index] = at_ns
    out.send((downs_ns, late_s, sum(map(len, frames.values()))))


def gathers(calls: int, digits: int) -> Figures:
    """The figures of so many calls, each with so many digits."""
    with rig() as running, Caller(running.server, running.account) as caller:
        running.account.add_number(PROBE, caller.url)
        time.sleep(1.1)  # numbers are believed that long
        placed: list[Call] = []
        scripts = (_gathering(caller, placed, digits) for _ in range(calls))
        caller.perform(scripts, at_once=calls, every_s=SETUP_EVERY_S, patience_s=PATIENCE_S)
        plan = _plan(placed, running.server.sip[0], digits)
        meter = Meter(server=running.server.pid)
        read, write = multiprocessing.Pipe(duplex=False)
        typist = multiprocessing.get_context("fork").Process(
            target=type_all, args=(caller.audio, plan, write)
        )
        typist.start()
        caller.perform(
            (_told(caller, call) for call in placed), at_once=calls, patience_s=PATIENCE_S
        )
        downs_ns, late_s, packets = read.recv()
        typist.join()
        costs = meter.stop()
    took_ms = [
        (call.times_ns["ongoing"] - down_ns) / 1e6
        for call, down_ns in zip(placed, downs_ns, strict=True)
        if "ongoing" in call.times_ns
    ]
    return {
        "calls": calls,
        "gathering": len(placed),
        "digits": digits,
        **_verdict(placed, plan),
        **spread("last_key_to_notification", took_ms),
        "packets": packets,
        "typist_late_max_ms": round(late_s * 1000, 1),
        "server_cpu_s": costs.cpu_s["server"],
        "failures": sorted(set(caller.failures))[:5],
        "busy": costs.busy,
        "others": costs.others,
    }


def _gathering(caller: Caller, placed: list[Call], digits: int) -> Script:
    """A call that waits for its digits."""
    call = caller.place(PROBE)
    yield lambda: bool(call.session)
    request = caller.request(
        "ivr/middle/gather",
        session=call.session,
        max_digits=str(digits),
        timeout="30",
        notify_url=caller.url,
    )
    yield lambda: bool(request.status) and call.media_port > 0
    placed.append(call)


def _told(caller: Caller, call: Call) -> Script:
    """Its digits arrive; then it is hung up."""
    yield lambda: "ongoing" in call.times_ns
    caller.request("ivr/end/hangup", session=call.session, force="enabled", notify_url=caller.url)
    yield lambda: "ended" in call.times_ns


def _plan(calls: Sequence[Call], host: str, digits: int) -> list[Typing]:
    """Random digits for each, evenly within two seconds, not all at the same instant."""
    every = int(WITHIN_S / FRAME_S / digits)
    return [
        Typing(
            (host, call.media_port),
            "".join(random.choice("0123456789") for _ in range(digits)),
            random.randrange(every - TONE_FRAMES),
            every,
        )
        for call in calls
    ]


def _verdict(calls: Sequence[Call], plan: Sequence[Typing]) -> Figures:
    """What became of what was typed."""
    told = [[one for one in call.told if one["ivr_block"] == "gather"] for call in calls]
    got = [one[0].get("digits", "") if one else None for one in told]
    typed = [typing.digits for typing in plan]
    return {
        "right": sum(mine == wanted for mine, wanted in zip(got, typed, strict=True)),
        "wrong": sum(mine not in (None, wanted) for mine, wanted in zip(got, typed, strict=True)),
        "not_told": got.count(None),
        "told_twice": sum(len(one) > 1 for one in told),
        "ended": sum("ended" in call.times_ns for call in calls),
    }


def rows(figures: Figures) -> list[Row]:
    """The figures for a person."""
    counts = ("gathering", "right", "wrong", "not_told", "told_twice", "ended")
    return [
        *((name.replace("_", " "), str(figures[name])) for name in counts),
        ("last key to notification, p50 / p99", pair(figures, "last_key_to_notification")),
        ("CPU of the server", f"{figures['server_cpu_s']} s"),
        ("others", f"{figures['others']}"),
    ]


def main() -> None:
    """Measures, and prints the table; fails unless every digit of every call was told once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=500, help="how many gather at once")
    parser.add_argument("--digits", type=int, default=8, help="of each, 1 to 10")
    parser.add_argument(
        "--out", type=Path, default=OUT / "gathers.json", help="where the JSON goes"
    )
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    raise_file_limit()
    busy = busy_now()
    print(f"the machine is {busy:.0%} busy with other work", file=sys.stderr, flush=True)
    try:
        figures = gathers(given.calls, given.digits)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    save(given.out, {"busy_before": busy, **figures})
    print(table(f"{given.calls} calls gather {given.digits} digits at once", rows(figures)))
    print(f"JSON: {given.out}")
    sys.exit(figures["right"] != given.calls or figures["told_twice"] != 0)


if __name__ == "__main__":
    main()
