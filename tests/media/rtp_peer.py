"""The other side of a call: a socket that reads and writes RTP, and an ear for what is told."""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Self

from onhook.media import StreamStats
from onhook.media.frame_file import FrameFile

PATIENCE_S = 60
FRAME_BYTES = 160
SILENCE = {0: b"\xff", 8: b"\xd5"}
"""The byte of silence, by payload type (ITU-T G.711)."""
SPOKEN = b"\x21" * FRAME_BYTES
"""What a peer says that says something."""


def tone(frame_count: int, seed: int = 1) -> bytes:
    """Bytes of so many frames that no other seed and no other place has."""
    return random.Random(seed).randbytes(frame_count * FRAME_BYTES)


class Clip:
    """Something to play: the same bytes whatever the codec."""

    first = 0

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.file = FrameFile.of(content, content)
        self.frame_count = self.file.frame_count


@dataclass(frozen=True)
class Packet:
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        assert first == 0x80
        return cls(second >> 7 == 1, second & 0x7F, sequence, timestamp, ssrc, data[12:])

    @property
    def silent(self) -> bool:
        """Whether there is nothing to be heard in it: a frame of silence, or comfort noise."""
        silence = SILENCE.get(self.payload_type, b"")
        return self.payload_type == 13 or self.payload == silence * len(self.payload)

    def encode(self) -> bytes:
        second = self.payload_type | (0x80 if self.marker else 0)
        fixed = struct.pack("!BBHII", 0x80, second, self.sequence, self.timestamp, self.ssrc)
        return fixed + self.payload


def rtp(sequence: int = 1, *, payload_type: int = 0, timestamp: int = 0, ssrc: int = 7) -> bytes:
    return Packet(False, payload_type, sequence, timestamp, ssrc, SPOKEN).encode()


def event(
    code: int, *, sequence: int, timestamp: int, end: bool = False, duration: int = 160
) -> bytes:
    payload = struct.pack("!BBH", code, 0x8A if end else 0x0A, duration)
    return Packet(False, 101, sequence, timestamp, 7, payload).encode()


def _pair(family: int, host: str) -> tuple[socket.socket, socket.socket]:
    """Sockets on a free port and on the one above it."""
    for _ in range(50):
        lower = socket.socket(family, socket.SOCK_DGRAM)
        upper = socket.socket(family, socket.SOCK_DGRAM)
        try:
            lower.bind((host, 0))
            upper.bind((host, lower.getsockname()[1] + 1))
        except (OSError, OverflowError):
            lower.close()
            upper.close()
        else:
            return lower, upper
    raise OSError("no two ports beside each other are free")


class RtpPeer:
    """What it receives is what can be heard: silence is sent all the time, and stands in `all`.

    It has the port above its own too, and reads nothing there: reports about other tests' streams go to such
    ports, and would be taken for audio by whoever got one by chance.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        is_ipv6 = ":" in host
        self._plane = "::1" if is_ipv6 else "127.0.0.1"
        family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
        self._socket, self._above = _pair(family, host)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.setblocking(False)
        self.all: list[Packet] = []
        """Everything that has arrived and was looked at, in order; silence too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._above.close()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()[:2]
        return host, port

    def send(self, data: bytes, port: int) -> None:
        self._socket.sendto(data, (self._plane, port))

    @asynccontextmanager
    async def speaking(self, port: int) -> AsyncIterator[None]:
        """A packet each 20 ms meanwhile. Of one that comes late to a room nothing is heard: whoever waits for
        each before the next is sent may wait for ever."""

        async def speak() -> None:
            for number in count():
                self.send(rtp(number, timestamp=FRAME_BYTES * number), port)
                await asyncio.sleep(0.02)

        task = asyncio.create_task(speak())
        try:
            yield
        finally:
            task.cancel()

    async def receive_datagram(self) -> bytes:
        """Whatever arrives next; what is no RTCP stands in `all`."""
        data = await asyncio.get_running_loop().sock_recv(self._socket, 2048)
        if not 192 <= data[1] <= 223:
            self.all.append(Packet.parse(data))
        return data

    async def receive_any(self) -> Packet:
        """The next packet, of silence or not."""
        async with asyncio.timeout(PATIENCE_S):
            await self.receive_datagram()
        return self.all[-1]

    async def receive(self) -> Packet:
        """The next packet in which there is something."""
        async with asyncio.timeout(PATIENCE_S):
            while (packet := await self.receive_any()).silent:
                pass
        return packet

    async def receive_many(self, count: int) -> list[Packet]:
        return [await self.receive() for _ in range(count)]

    async def receive_all(self, count: int) -> list[Packet]:
        return [await self.receive_any() for _ in range(count)]

    def all_waiting(self) -> list[Packet]:
        """What has arrived and not been received, silence too."""
        before = len(self.all)
        while True:
            try:
                self.all.append(Packet.parse(self._socket.recv(2048)))
            except BlockingIOError:
                return self.all[before:]

    def waiting(self) -> list[Packet]:
        """What has arrived and not been received, and is not silence."""
        return [packet for packet in self.all_waiting() if not packet.silent]


@dataclass
class Ear:
    """Hears what a stream tells."""

    digits: str = ""
    rtp_starts: int = 0
    timeouts: int = 0
    played: list[float] = field(default_factory=list)
    stopped: int = 0
    stats: StreamStats | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def digit(self, digit: str) -> None:
        self.digits += digit
        self._news.set()

    def rtp_started(self) -> None:
        self.rtp_starts += 1
        self._news.set()

    def rtp_timeout(self) -> None:
        self.timeouts += 1
        self._news.set()

    def closed(self, stats: StreamStats) -> None:
        assert self.stats is None
        self.stats = stats
        self._news.set()

    def on_played(self, sent_s: float) -> None:
        self.played.append(sent_s)
        self._news.set()

    def on_stopped(self) -> None:
        self.stopped += 1
        self._news.set()

    async def _hear(self) -> None:
        await self._news.wait()
        self._news.clear()

    async def until_played(self, count: int = 1) -> list[float]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.played) < count:
                await self._hear()
        return self.played

    async def until_stopped(self, count: int = 1) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.stopped < count:
                await self._hear()

    async def until_digits(self, count: int) -> str:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.digits) < count:
                await self._hear()
        return self.digits

    async def until_rtp(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.rtp_starts:
                await self._hear()

    async def until_timeouts(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.timeouts < count:
                await self._hear()

    async def until_closed(self) -> StreamStats:
        async with asyncio.timeout(PATIENCE_S):
            while self.stats is None:
                await self._hear()
        return self.stats
