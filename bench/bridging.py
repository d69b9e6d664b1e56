"""What joining calls costs in time: the latency of a relay, and the gaps of a room.

    python -m bench.bridging                          50 pairs for 20 s, then a room of 8 for 60 s
    python -m bench.bridging --pairs 200 --seconds 10 --room-seconds 10

Every peer sends a packet every 20 ms. A relayed packet's latency is the time from just before it is
written to the kernel's stamp of its arrival at the other peer, so a receiver that is woken late
measures the same. Half of the pairs speak two laws, and are transcoded. In the room everybody talks;
of each member the gaps between packets, and those that are missing, are counted. Loopback only.
What the media threads use of a core for a call is told by the packets that they sent. Prints a table,
and writes bench/out/bridging.json.
"""

import argparse
import asyncio
import itertools
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from bench.figures import Figures, Row, pair, save, spread, table
from bench.machine import busy_now
from bench.media_plane import media_cpu_s
from bench.rig import OUT, raise_file_limit
from bench.stamped import receive, stamped_udp

from onhook.media import Codec, MediaPlane, Stream, StreamStats

FRAME_BYTES = 160
FRAME_S = 0.02
PORTS = range(20_000, 60_000)
MEMBERS = 8
SETTLE_S = 0.5
_MS = 1e-6


class Ear:
    """Nothing that a stream tells is of interest here."""

    def digit(self, digit: str) -> None: ...

    def rtp_started(self) -> None: ...

    def rtp_timeout(self) -> None: ...

    def closed(self, stats: StreamStats) -> None: ...


@dataclass
class Peer:
    """One end of a call: what it sent and when, what it got and when (ns since the epoch)."""

    sock: socket.socket
    codec: Codec
    port: int = 0
    sent_ns: list[int] = field(default_factory=list)
    got: list[tuple[int, int]] = field(default_factory=list)
    """Sequence number and arrival."""

    def say(self) -> None:
        """The next packet; its sound is as loud as speech."""
        number = len(self.sent_ns)
        head = struct.pack("!BBHII", 0x80, self.codec, number % 2**16, number * FRAME_BYTES, 7)
        self.sent_ns.append(time.time_ns())
        self.sock.sendto(head + b"\xa0" * FRAME_BYTES, ("127.0.0.1", self.port))

    def listen(self) -> None:
        """Takes what has arrived."""
        while (found := receive(self.sock)) is not None:
            data, at_ns, _ = found
            self.got.append((struct.unpack_from("!H", data, 2)[0], at_ns))

    @property
    def gaps_ms(self) -> list[float]:
        """The time between packets."""
        times = [at_ns for _, at_ns in self.got]
        return [(b - a) * _MS for a, b in itertools.pairwise(times)]


def open_call(plane: MediaPlane, codec: Codec) -> tuple[Stream, Peer]:
    """A call whose other end is a socket of ours."""
    peer = Peer(stamped_udp(), codec)
    stream = plane.open(
        plane.reserve(),
        remote=peer.sock.getsockname(),
        codec=codec,
        dtmf_payload_type=None,
        listener=Ear(),
    )
    peer.port = stream.port
    return stream, peer


def talk(peers: list[Peer], seconds: float) -> None:
    """All peers send, a packet every 20 ms, spread over the 20 ms as calls are."""
    start_s = time.monotonic()
    for number in range(round(seconds / FRAME_S)):
        for place, peer in enumerate(peers):
            due_s = start_s + (number + place / len(peers)) * FRAME_S
            time.sleep(max(0.0, due_s - time.monotonic()))
            peer.say()


async def conversation(peers: list[Peer], seconds: float) -> None:
    """They talk in a thread, and what arrives is taken before the kernel's buffers are full."""
    talking = threading.Thread(target=talk, args=(peers, seconds))
    talking.start()
    while talking.is_alive():
        for peer in peers:
            peer.listen()
        await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLE_S)
    for peer in peers:
        peer.listen()


async def relays(plane: MediaPlane, pairs: int, seconds: float) -> tuple[Figures, list[Row]]:
    """Pairs of calls that talk at the same time."""
    joined = []
    for number in range(pairs):
        one, first = open_call(plane, Codec.PCMU)
        other, second = open_call(plane, Codec.PCMA if number % 2 else Codec.PCMU)
        one.bridge(other)
        joined.append((one, first, other, second))
    before_s = media_cpu_s()
    await conversation([peer for _, a, _, b in joined for peer in (a, b)], seconds)
    cpu_s = media_cpu_s() - before_s
    latencies, lost = [], 0
    for _, first, _, second in joined:
        for speaker, listener in ((first, second), (second, first)):
            arrived = sorted(at_ns for _, at_ns in listener.got)
            lost += len(speaker.sent_ns) - len(arrived)
            if len(arrived) == len(speaker.sent_ns):
                pairs_ns = zip(speaker.sent_ns, arrived, strict=True)
                latencies += [(at_ns - sent_ns) * _MS for sent_ns, at_ns in pairs_ns]
    for one, _, other, _ in joined:
        one.close()
        other.close()
    packets = sum(len(listener.got) for _, a, _, b in joined for listener in (a, b))
    percent = round(100 * cpu_s / packets / FRAME_S, 4)
    figures = {
        "pairs": pairs,
        "lost": lost,
        "call_cpu_percent": percent,
        **spread("relay", latencies),
    }
    return figures, [
        (f"relay, {pairs} pairs talking both ways, p50 / p99", pair(figures, "relay")),
        ("longest", f"{figures['relay_max_ms']} ms"),
        ("a relayed call, media threads", f"{percent} % of a core"),
        ("packets relayed, lost", f"{len(latencies)}, {lost}"),
    ]


async def room(plane: MediaPlane, seconds: float) -> tuple[Figures, list[Row]]:
    """A full room in which everybody talks."""
    mix = plane.open_room()
    members = [
        open_call(plane, Codec.PCMA if number % 2 else Codec.PCMU) for number in range(MEMBERS)
    ]
    for stream, _ in members:
        mix.add(stream)
    await conversation([peer for _, peer in members], seconds)
    gaps = [gap for _, peer in members for gap in peer.gaps_ms]
    missing = sum(
        (peer.got[-1][0] - peer.got[0][0]) % 2**16 + 1 - len(peer.got) for _, peer in members
    )
    for stream, _ in members:
        stream.close()
    mix.close()
    figures = {"members": MEMBERS, "seconds": seconds, "missing": missing, **spread("gap", gaps)}
    return figures, [
        (f"room of {MEMBERS} for {seconds:g} s, gap p50 / p99", pair(figures, "gap")),
        ("longest gap", f"{figures['gap_max_ms']} ms"),
        ("packets, missing", f"{len(gaps) + MEMBERS}, {missing}"),
    ]


async def measure(pairs: int, seconds: float, room_seconds: float) -> None:
    """Both parts, one after the other."""
    plane = MediaPlane(host="127.0.0.1", ports=PORTS)
    plane.start(asyncio.get_running_loop())
    try:
        busy = busy_now()
        relayed, rows = await relays(plane, pairs, seconds)
        mixed, more = await room(plane, room_seconds)
        print(table("Joined calls", [*rows, *more]), flush=True)
        health = plane.health()
        save(
            OUT / "bridging.json",
            {"busy": busy, "relay": relayed, "room": mixed, "scheduling": health.scheduling},
        )
    finally:
        plane.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--room-seconds", type=float, default=60)
    given = parser.parse_args()
    raise_file_limit()
    asyncio.run(measure(given.pairs, given.seconds, given.room_seconds))


if __name__ == "__main__":
    main()
