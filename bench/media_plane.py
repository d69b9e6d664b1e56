"""How many calls the media plane plays to at once, and how evenly.

    python bench/media_plane.py [--streams 500] [--seconds 10] [--threads 2] [--talking] [--srtp]

One process plays; another receives everything on one socket, with the kernel's receive time stamps
(SO_TIMESTAMPNS), so that its own scheduling does not show in the gaps. It polls every 2 ms: a
receiver that is woken for each packet would cost the machine more than the sender. With --talking
every caller sends a packet each 20 ms as well (that costs the sender too, and so the machine).
Then the same streams play nothing for as long, and are sent silence. With --srtp all of it is done once in
the clear and once encrypted, both ways (the callers' packets are sealed by pylibsrtp). Loopback only. Prints
one line of JSON, with --srtp two.
"""

import argparse
import asyncio
import contextlib
import ctypes
import json
import multiprocessing
import os
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onhook.media import Codec, MediaPlane, Prompt, Stream, StreamStats
from onhook.media.g711 import SAMPLE_RATE

SO_TIMESTAMPNS = 35
BATCH = 1024
PACKET_BYTES = 192
CONTROL_BYTES = 64
POLL_S = 0.002
MSG_DONTWAIT = 0x40
PORTS = range(20000, 30000)
FRAMES_A_SECOND = 50
OPENED_A_SECOND = 400
"""At the least: whoever is opened first plays until the last one has."""
MASTER = bytes(range(30))
"""An SRTP key and its salt."""


class MmsgHdr(ctypes.Structure):
    """struct mmsghdr of a 64-bit Linux, flat."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_bytes", ctypes.c_uint32),
        ("_pad1", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_bytes", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("_pad2", ctypes.c_int),
        ("length", ctypes.c_uint),
        ("_pad3", ctypes.c_uint),
    )


class Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Receiver:
    """recvmmsg() into arrays; keeps (ssrc, sequence, time stamp in ns) of every packet."""

    def __init__(self, sock: socket.socket) -> None:
        self._fd = sock.fileno()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._packets = np.zeros((BATCH, PACKET_BYTES), np.uint8)
        self._control = np.zeros((BATCH, CONTROL_BYTES), np.uint8)
        self._vectors = (Iovec * BATCH)()
        self._headers = (MmsgHdr * BATCH)()
        for index in range(BATCH):
            self._vectors[index] = Iovec(self._packets[index].ctypes.data, PACKET_BYTES)
            header = self._headers[index]
            header.vectors = ctypes.addressof(self._vectors[index])
            header.vector_count = 1
            header.control = self._control[index].ctypes.data
        layout = np.dtype({"names": ["control_bytes"], "formats": [np.uint64],
                           "offsets": [MmsgHdr.control_bytes.offset],
                           "itemsize": ctypes.sizeof(MmsgHdr)})  # fmt: skip
        self._control_bytes = np.frombuffer(memoryview(self._headers), layout)["control_bytes"]
        self._ssrc: list[NDArray[np.uint32]] = []
        self._sequence: list[NDArray[np.uint16]] = []
        self._stamp: list[NDArray[np.int64]] = []

    def take(self) -> int:
        self._control_bytes[:] = CONTROL_BYTES
        count: int = self._libc.recvmmsg(self._fd, self._headers, BATCH, MSG_DONTWAIT, None)
        if count <= 0:
            return 0
        packets, control = self._packets[:count], self._control[:count]
        self._sequence.append(packets[:, 2:4].copy().view(">u2")[:, 0].astype(np.uint16))
        self._ssrc.append(packets[:, 8:12].copy().view(">u4")[:, 0].astype(np.uint32))
        # a cmsghdr of 16 bytes, then a timespec
        stamp = control[:, 16:32].copy().view(np.int64)
        self._stamp.append(stamp[:, 0] * 10**9 + stamp[:, 1])
        return count

    def figures(self) -> dict[str, Any]:
        ssrc = np.concatenate(self._ssrc)
        order = np.argsort(ssrc, kind="stable")
        sequence, stamp = np.concatenate(self._sequence)[order], np.concatenate(self._stamp)[order]
        same = np.diff(ssrc[order].astype(np.int64)) == 0
        step = np.diff(sequence.astype(np.int64))[same] % 65536
        gaps_ms = np.diff(stamp)[same][step == 1] / 1e6
        p50, p99, p999 = np.percentile(gaps_ms, [50, 99, 99.9])
        return {
            "packets": len(stamp),
            "streams_heard": len(np.unique(ssrc)),
            "lost": int((step - 1).sum()),
            "gap_p50_ms": round(float(p50), 2),
            "gap_p99_ms": round(float(p99), 2),
            "gap_p999_ms": round(float(p999), 2),
            "gap_max_ms": round(float(gaps_ms.max()), 2),
        }


def receive(results: Connection) -> None:
    """The receiving process: until it is told to stop."""
    with contextlib.suppress(PermissionError):
        os.nice(-15)  # it stands for a network, which loses nothing because others are busy
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    force = getattr(socket, "SO_RCVBUFFORCE", 33)
    try:
        sock.setsockopt(socket.SOL_SOCKET, force, 64 << 20)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind(("127.0.0.1", 0))
    receiver = Receiver(sock)
    results.send(sock.getsockname())
    while not results.poll():
        if not receiver.take():
            time.sleep(POLL_S)
    while receiver.take():
        pass
    results.send(receiver.figures())


def sealing() -> Callable[[bytes], bytes]:
    """What the callers do to their packets; all of them have one key, so one seals for all."""
    from pylibsrtp import Policy, Session

    seal: Callable[[bytes], bytes] = Session(Policy(MASTER, Policy.SSRC_ANY_OUTBOUND)).protect
    return seal


def talk(ports: list[int], results: Connection, srtp: bool) -> None:
    """The callers' side of --talking: a packet to every port each 20 ms, until told to stop."""
    sockets = []
    for port in ports:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", port))
        sockets.append(sock)
    results.send("ready")
    seal: Callable[[bytes], bytes] = sealing() if srtp else bytes
    sequence, due_s = 0, time.monotonic()
    while not results.poll():
        # Of a payload type that nobody agreed on: it is opened, and its sender not latched to.
        packet = seal(b"\x80\x60" + sequence.to_bytes(2, "big") + bytes(168))
        for sock in sockets:
            sock.send(packet)
        sequence = (sequence + 1) % 65536
        due_s += 1 / FRAMES_A_SECOND
        time.sleep(max(0.0, due_s - time.monotonic()))
    results.send("done")


class Playing:
    """One stream that plays to its end."""

    def __init__(self) -> None:
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[StreamStats] = asyncio.get_running_loop().create_future()

    def digit(self, digit: str) -> None: ...

    def rtp_started(self) -> None: ...

    def rtp_timeout(self) -> None: ...

    def closed(self, stats: StreamStats) -> None:
        self.ended.set_result(stats)


@dataclass(frozen=True)
class Key:
    master: bytes = MASTER
    tag_bytes: int = 10
    mki: bytes = b""


@dataclass(frozen=True)
class Keys:
    send: Key = Key()
    receive: Key = Key()
    answered: bool = False


async def play(options: argparse.Namespace, remote: tuple[str, int], srtp: bool) -> dict[str, Any]:
    count, seconds, talking = options.streams, options.seconds, options.talking
    plane = MediaPlane(
        host="127.0.0.1", ports=PORTS, threads=options.threads, one_by_one=options.one_by_one
    )
    plane.start(asyncio.get_running_loop())
    clip = Prompt.of(np.zeros((seconds + count // OPENED_A_SECOND) * SAMPLE_RATE, np.int16))
    playing = [Playing() for _ in range(count)]
    reservations = [plane.reserve() for _ in range(count)]
    talker, ours = None, None
    if talking:
        ours, theirs = multiprocessing.Pipe()
        ports = [reservation.port for reservation in reservations]
        talker = multiprocessing.Process(target=talk, args=(ports, theirs, srtp))
        talker.start()
        ours.recv()
    streams: list[Stream] = []
    for one, reservation in zip(playing, reservations, strict=True):
        stream = plane.open(
            reservation,
            remote=remote,
            codec=Codec.PCMA if talking else Codec.PCMU,
            dtmf_payload_type=None,
            protection=Keys() if srtp else None,
            listener=one,
        )
        stream.play([clip], one.done.set_result)
        streams.append(stream)
        if len(streams) % 50 == 0:
            await asyncio.sleep(0.005)
    play_s = await cpu_while(
        asyncio.wait([one.done for one in playing], return_when="FIRST_COMPLETED")
    )
    for one in playing:
        await one.done
    wait_s = await cpu_while(asyncio.sleep(seconds))
    if talker is not None and ours is not None:
        ours.send("stop")
        talker.join()
    for stream in streams:
        stream.close()
    stats = [await one.ended for one in playing]
    health = plane.health()
    plane.close()
    return {
        "streams": count,
        "seconds": seconds,
        "threads": options.threads,
        "talking": talking,
        "srtp": srtp,
        "sent": sum(figures.sent_packets for figures in stats),
        "send_errors": sum(figures.send_errors for figures in stats),
        "unauthentic": sum(figures.unauthentic + figures.replayed for figures in stats),
        "taken_in": sum(figures.foreign + figures.received_packets for figures in stats),
        "cpu_s_per_call_minute": round(play_s / count * 60, 4),
        "waiting_cpu_s_per_call_minute": round(wait_s / count * 60, 4),
        "late_max_ms": round(health.late_max_s * 1000, 2),
        "skipped_rounds": health.skipped_rounds,
        "scheduling": health.scheduling,
    }


async def cpu_while(what: Awaitable[object]) -> float:
    """CPU seconds a second of the media threads."""
    before, began_s = media_cpu_s(), time.monotonic()
    await what
    return (media_cpu_s() - before) / (time.monotonic() - began_s)


def media_cpu_s() -> float:
    """What the media threads have used, as the scheduler counts it; opening streams is others' work."""
    media = [
        task
        for task in Path("/proc/self/task").iterdir()
        if (task / "comm").read_text() == "onhook-media\n"
    ]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in media) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--one-by-one", action="store_true", help="without io_uring")
    parser.add_argument("--talking", action="store_true")
    parser.add_argument("--srtp", action="store_true")
    options = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    for srtp in (False, True) if options.srtp else (False,):
        print(json.dumps(run(options, srtp)), flush=True)


def run(options: argparse.Namespace, srtp: bool) -> dict[str, Any]:
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=receive, args=(theirs,))
    receiver.start()
    where = ours.recv()
    figures = asyncio.run(play(options, where, srtp))
    ours.send("stop")
    figures |= ours.recv()
    receiver.join()
    return figures


if __name__ == "__main__":
    main()
