"""RTCP packets (RFC 3550 section 6), read and written by nothing that the product has."""

import struct
from dataclasses import dataclass, field

SR, RR, SDES, BYE = 200, 201, 202, 203


@dataclass
class Block:
    """A report on one source."""

    ssrc: int
    fraction: int = 0
    lost: int = 0
    highest: int = 0
    jitter: int = 0
    last_report: int = 0
    delay: int = 0

    def encode(self) -> bytes:
        lost = self.fraction << 24 | self.lost & 0xFFFFFF
        rest = (self.highest, self.jitter, self.last_report, self.delay)
        return struct.pack("!6I", self.ssrc, lost, *rest)

    @classmethod
    def parse(cls, data: bytes) -> "Block":
        ssrc, lost, highest, jitter, last, delay = struct.unpack("!6I", data)
        signed = (lost & 0xFFFFFF) - (1 << 24 if lost & 0x800000 else 0)
        return cls(ssrc, lost >> 24, signed, highest, jitter, last, delay)


@dataclass
class Compound:
    """What one datagram says."""

    kinds: list[int] = field(default_factory=list)
    ssrc: int = 0
    ntp: int = 0
    timestamp: int = 0
    packets: int = 0
    octets: int = 0
    blocks: list[Block] = field(default_factory=list)
    items: list[tuple[int, bytes]] = field(default_factory=list)
    """Of the description: its kinds and texts; 1 is a CNAME."""


def parse(data: bytes) -> Compound:
    """Read a datagram; what does not fit to the byte is an AssertionError."""
    said = Compound()
    while data:
        first, kind, words = struct.unpack_from("!BBH", data)
        assert first >> 6 == 2
        body, data = data[4 : 4 + 4 * words], data[4 + 4 * words :]
        assert len(body) == 4 * words
        said.kinds.append(kind)
        if kind in (SR, RR):
            said.ssrc = int.from_bytes(body[:4], "big")
            if kind == SR:
                _, said.ntp, said.timestamp, said.packets, said.octets = struct.unpack_from(
                    "!IQIII", body
                )
            blocks = body[24 if kind == SR else 4 :]
            assert len(blocks) == 24 * (first & 31)
            said.blocks = [Block.parse(blocks[n : n + 24]) for n in range(0, len(blocks), 24)]
        elif kind == SDES:
            assert (first & 31, body[:4]) == (1, said.ssrc.to_bytes(4, "big"))
            said.items = _items(body[4:])
        elif kind == BYE:
            assert (first & 31, body) == (1, said.ssrc.to_bytes(4, "big"))
    return said


def _items(data: bytes) -> list[tuple[int, bytes]]:
    items = []
    while data[0]:
        items.append((data[0], data[2 : 2 + data[1]]))
        data = data[2 + data[1] :]
    assert not any(data)
    assert len(data) <= 4
    return items


def report(ssrc: int, *blocks: Block, ntp: int | None = None, bye: bool = False) -> bytes:
    """A sender's report where an NTP timestamp is given, else a receiver's."""
    sender = b"" if ntp is None else struct.pack("!QIII", ntp, 0, 0, 0)
    body = ssrc.to_bytes(4, "big") + sender + b"".join(block.encode() for block in blocks)
    kind = RR if ntp is None else SR
    packet = struct.pack("!BBH", 0x80 | len(blocks), kind, len(body) // 4) + body
    name = ssrc.to_bytes(4, "big") + b"\x01\x04peer\0\0"
    packet += struct.pack("!BBH", 0x81, SDES, len(name) // 4) + name
    return packet + (struct.pack("!BBHI", 0x81, BYE, 1, ssrc) if bye else b"")
