"""What a server's audio looks like on the wire, by the kernel's own eyes: who is sent RTP and RTCP, and when.

Takes root: it is a packet socket on the loopback, where everything goes that two programs of one network
namespace send each other, whatever address they have. SRTP says as much as RTP does: its headers are in the
clear.
"""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

OURS = range(20_000, 30_000)
"""Audio ports of a server that is watched (``rtp_ports`` of its settings)."""
RTP_PORTS = f"{OURS[0]}-{OURS[-1]}"
IS_SENT_S = 10.0
"""For as long audio is waited for."""
HELD_S = 8.0
"""How long a hold lasts. RTCP goes out every 2 to 6 s."""
ON_ITS_WAY_S = 0.3
"""What is sent when a phone sees that it is agreed to a hold."""
_ALL = 0x0003
_TO_US, _SOL_PACKET, _STATISTICS = 0, 263, 6  # PACKET_HOST; linux/if_packet.h
_UDP = 17


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet that a server sent."""

    at_s: float
    is_rtcp: bool
    payload_bytes: int
    """Of RTP; of a packet that is encrypted with what proves it."""


class Wire:
    """All audio that a server on this machine sends, from the beginning of ``async with`` on."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._socket: socket.socket
        self._came = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("lo", _ALL))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        _, lost = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 8))
        self._socket.close()
        assert not lost, "this machine was too slow to see everything"

    async def is_held(
        self, hold: Callable[[], Awaitable[bool]], resume: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Whether audio was sent until a call was put on hold, nothing but RTCP for a while then, and audio
        again once it was taken up. The callables return whether that was agreed to."""
        if not await self._until(lambda one: not one.is_rtcp) or not await hold():
            return False
        await asyncio.sleep(ON_ITS_WAY_S)
        since_s = asyncio.get_running_loop().time()
        await asyncio.sleep(HELD_S)
        meanwhile = [one for one in self.sent if one.at_s >= since_s]
        silent = bool(meanwhile) and all(one.is_rtcp for one in meanwhile)
        if not silent:
            kinds = ["RTCP" if one.is_rtcp else "RTP" for one in meanwhile]
            print(f"on hold: {kinds.count('RTP')} RTP, {kinds.count('RTCP')} RTCP")
        return silent and await resume() and await self._until(lambda one: not one.is_rtcp)

    def packet_ms(self) -> int:
        """How much audio most packets had, of a call in the clear."""
        sizes = Counter(one.payload_bytes for one in self.sent if not one.is_rtcp)
        return sizes.most_common(1)[0][0] // 8 if sizes else 0

    async def _until(self, fits: Callable[[Sent], bool]) -> bool:
        """Whether such a packet comes, from now on."""
        seen = len(self.sent)
        try:
            async with asyncio.timeout(IS_SENT_S):
                while not any(fits(one) for one in self.sent[seen:]):
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            return False
        return True

    def _read(self) -> None:
        while True:
            try:
                packet, (_, _, kind, *_) = self._socket.recvfrom(2048)
            except BlockingIOError:
                return
            if kind == _TO_US and (sent := _read_audio(packet)):
                self.sent.append(sent)
                self._came.set()


def _read_audio(packet: bytes) -> Sent | None:
    """RTP or RTCP of a server's, out of an IP packet (RFC 791, RFC 8200; RFC 5761 4 tells them apart)."""
    if packet[0] >> 4 == 4:
        header, protocol = (packet[0] & 15) * 4, packet[9]
    else:
        header, protocol = 40, packet[6]
    datagram = packet[header:]
    if protocol != _UDP or len(datagram) < 8 + 8:
        return None
    (source,) = struct.unpack_from("!H", datagram)
    first, second = datagram[8], datagram[9]
    if source not in OURS or first >> 6 != 2:
        return None
    return Sent(asyncio.get_running_loop().time(), 192 <= second <= 223, len(datagram) - 20)
