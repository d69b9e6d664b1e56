"""What recordings cost: samples that are missing in the files, gaps of calls that play, CPU.

    python -m bench.recordings [--recordings 300] [--playing 500] [--seconds 20]

One process has all calls. Some play, and a receiver measures their gaps; the others play and are
talked to, by a process that sends each a packet every 20 ms. Two rounds: in the first nothing is
recorded, in the second those others are, into files on the disk. What was played and what was said
have levels of their own, so each sample that is missing in a file is seen. Loopback only. Prints
one line of JSON a round.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import socket
import struct
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from bench.media_plane import FRAMES_A_SECOND, PORTS, Playing, receive
from bench.rig import OUT, raise_file_limit

from onhook.media import Codec, MediaPlane, PortReservation, Prompt, RecordingStats, Stream
from onhook.media.g711 import decode

FRAME_BYTES = 160
PLAYED, SAID = 0xC0, 0xA0  # codes of mu-law
SETTLE_S = 0.1


def talk(ports: list[int], packets: int, results: Connection) -> None:
    """The callers' side: so many packets to every port, evenly, when it is told to begin."""
    sockets = []
    for port in ports:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", port))
        sockets.append(sock)
    results.send([sock.getsockname() for sock in sockets])
    results.recv()
    due_s = time.monotonic()
    for number in range(packets):
        head = struct.pack("!BBHII", 0x80, 0, number % 2**16, number * FRAME_BYTES, 7)
        packet = head + bytes([SAID]) * FRAME_BYTES
        for sock in sockets:
            sock.send(packet)
        due_s += 1 / FRAMES_A_SECOND
        time.sleep(max(0.0, due_s - time.monotonic()))
    results.send("done")


@dataclass
class Recorded:
    path: Path
    done: asyncio.Future[RecordingStats]

    def missing(self, frames: int) -> tuple[int, int]:
        """Samples of what was played and of what was said that are not in the file."""
        sound = np.fromfile(self.path, np.int16)
        played, said = decode(np.array([PLAYED, SAID], np.uint8), Codec.PCMU).tolist()
        loud = [int(np.isin(sound, (one, played + said)).sum()) for one in (played, said)]
        return frames * FRAME_BYTES - loud[0], frames * FRAME_BYTES - loud[1]


class Calls:
    """All calls of a round."""

    def __init__(self, plane: MediaPlane, frames: int) -> None:
        self._plane = plane
        level = decode(np.full(FRAME_BYTES * frames, PLAYED, np.uint8), Codec.PCMU)
        self._level = Prompt.of(level)
        self._playing: list[Playing] = []
        self.streams: list[Stream] = []

    def open(self, reservation: PortReservation, remote: tuple[str, int]) -> Stream:
        one = Playing()
        stream = self._plane.open(
            reservation, remote=remote, codec=Codec.PCMU, dtmf_payload_type=None, listener=one
        )
        self._playing.append(one)
        self.streams.append(stream)
        return stream

    async def play(self) -> None:
        for number, (one, stream) in enumerate(zip(self._playing, self.streams, strict=True)):
            stream.play([self._level], one.done.set_result)
            if number % 50 == 0:
                await asyncio.sleep(0.005)
        for one in self._playing:
            await one.done

    async def close(self) -> int:
        """Returns how many packets could not be sent."""
        for stream in self.streams:
            stream.close()
        return sum([(await one.ended).send_errors for one in self._playing])


def record(stream: Stream, path: Path) -> Recorded:
    recorded = Recorded(path, asyncio.get_running_loop().create_future())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    stream.record(descriptor, recorded.done.set_result)
    return recorded


async def run(options: argparse.Namespace, remote: tuple[str, int], folder: Path | None) -> Any:
    frames = options.seconds * FRAMES_A_SECOND
    plane = MediaPlane(host="127.0.0.1", ports=PORTS)
    plane.start(asyncio.get_running_loop())
    calls = Calls(plane, frames)
    for _ in range(options.playing):
        calls.open(plane.reserve(), remote)
    reservations = [plane.reserve() for _ in range(options.recordings)]
    ours, theirs = multiprocessing.Pipe()
    ports = [reservation.port for reservation in reservations]
    talker = multiprocessing.Process(target=talk, args=(ports, frames, theirs))
    talker.start()
    talked = [calls.open(*pair) for pair in zip(reservations, ours.recv(), strict=True)]
    before = resource.getrusage(resource.RUSAGE_SELF)
    recorded = []
    if folder is not None:
        recorded = [record(one, folder / f"{number}.pcm") for number, one in enumerate(talked)]
    await asyncio.sleep(SETTLE_S)
    ours.send("begin")
    await calls.play()
    await asyncio.to_thread(ours.recv)
    await asyncio.sleep(SETTLE_S)
    send_errors = await calls.close()
    stats = [await one.done for one in recorded]
    after = resource.getrusage(resource.RUSAGE_SELF)
    health = plane.health()
    plane.close()
    await asyncio.to_thread(talker.join)
    missing = [one.missing(frames) for one in recorded]
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "calls": len(calls.streams),
        "recordings": len(recorded),
        "seconds": options.seconds,
        "samples": sum(one.samples for one in stats),
        "lost": sum(one.lost for one in stats),
        "errors": sum(one.error != 0 for one in stats),
        "played_missing": sum(one[0] for one in missing),
        "said_missing": sum(one[1] for one in missing),
        "send_errors": send_errors,
        "cpu_share": round(cpu_s / options.seconds, 3),
        "resident_peak_mb": round(after.ru_maxrss / 1024),
        "late_max_ms": round(health.late_max_s * 1000, 2),
        "skipped_rounds": health.skipped_rounds,
        "scheduling": health.scheduling,
    }


def measure(options: argparse.Namespace, folder: Path | None) -> None:
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=receive, args=(theirs,))
    receiver.start()
    figures = asyncio.run(run(options, ours.recv(), folder))
    ours.send("stop")
    figures["playing_calls"] = ours.recv()
    receiver.join()
    print(json.dumps(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=300)
    parser.add_argument("--playing", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    raise_file_limit()
    OUT.mkdir(exist_ok=True)
    measure(options, None)
    with tempfile.TemporaryDirectory(dir=OUT, prefix="recordings-") as folder:
        measure(options, Path(folder))


if __name__ == "__main__":
    main()
