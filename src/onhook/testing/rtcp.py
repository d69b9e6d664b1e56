"""RTCP reports (RFC 3550 6.4), to read and to write, and what arrived of a source as appendix A counts it.
Pure.

Written for the test phone alone. Errors: RtcpError (a ValueError).
"""

import struct
from dataclasses import dataclass

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, GOODBYE = 200, 201, 202, 203
_NTP_UNIX_S = 2208988800
_HEAD = struct.Struct("!BBH")
_SENDER = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!6I")


class RtcpError(ValueError):
    """Bytes that are no compound packet that begins with a report."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What somebody received of a source; jitter in samples, the delay since the last report in seconds."""

    ssrc: int
    lost: int
    highest: int
    jitter: int
    last_report: int = 0
    delay_s: float = 0.0

    def to_bytes(self) -> bytes:
        """Write the 24 bytes; the fraction lost is left at 0."""
        return _BLOCK.pack(
            self.ssrc, self.lost & 0xFFFFFF, self.highest, self.jitter,
            self.last_report, round(self.delay_s * 65536),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """A report: whose, the middle of its NTP timestamp if it is a sender's, its blocks, and whether it is the
    last one (BYE)."""

    ssrc: int
    ntp_middle: int | None
    blocks: tuple[ReportBlock, ...]
    goodbye: bool = False

    @property
    def of_sender(self) -> bool:
        """Whether it says how much was sent."""
        return self.ntp_middle is not None


class Reception:
    """What arrives of one source (RFC 3550 A.1, A.3, A.8), counted from its first packet on."""

    def __init__(self) -> None:
        self.received = 0
        self.jitter = 0.0
        """In samples."""
        self.highest = 0
        """The highest sequence number, extended."""
        self._first: int | None = None
        self._transit: float | None = None

    @property
    def lost(self) -> int:
        """As many as are missing up to the highest that arrived."""
        return 0 if self._first is None else self.highest - self._first + 1 - self.received

    def note(self, seq: int, timestamp: int, at_s: float) -> None:
        """Take a packet that arrived at a moment of any clock."""
        if self._first is None:
            self._first = self.highest = seq
        step = (seq - self.highest + 0x8000) % 0x10000 - 0x8000
        self.highest = max(self.highest, self.highest + step)
        self.received += 1
        transit = at_s * 8000 - timestamp
        if self._transit is not None:
            self.jitter += (abs(transit - self._transit) - self.jitter) / 16
        self._transit = transit


def sender_report(ssrc: int, wall_s: float, packets: int, block: ReportBlock | None) -> bytes:
    """Write a compound packet: a sender's report, and a CNAME."""
    ntp = round((wall_s + _NTP_UNIX_S) * 2**32)
    blocks = block.to_bytes() if block is not None else b""
    body = _SENDER.pack(ssrc, ntp, 0, packets, packets * 160) + blocks
    name = struct.pack("!I", ssrc) + b"\x01\x05phone\0"
    report = _HEAD.pack(0x80 | (block is not None), SENDER_REPORT, len(body) // 4)
    return report + body + _HEAD.pack(0x81, DESCRIPTION, len(name) // 4) + name


def parse(data: bytes) -> Report:
    """Read the report that a compound packet begins with; raises RtcpError only."""
    if len(data) < 8:
        raise RtcpError("too short for a report")
    first, kind, words = _HEAD.unpack_from(data)
    body = data[4 : 4 + 4 * words]
    sender = kind == SENDER_REPORT
    count, start = first & 0x1F, 24 if sender else 4
    if first >> 6 != 2 or kind not in (SENDER_REPORT, RECEIVER_REPORT):
        raise RtcpError("no report")
    if len(body) != 4 * words or len(body) < start + 24 * count:
        raise RtcpError("a report that is cut short")
    blocks = tuple(_block(body[at : at + 24]) for at in range(start, start + 24 * count, 24))
    ntp_middle = int.from_bytes(body[6:10], "big") if sender else None
    goodbye = _is_ended(data[4 + 4 * words :])
    return Report(int.from_bytes(body[:4], "big"), ntp_middle, blocks, goodbye)


def _is_ended(rest: bytes) -> bool:
    """Whether one of the packets behind a report is a BYE."""
    while len(rest) >= _HEAD.size:
        _, kind, words = _HEAD.unpack_from(rest)
        if kind == GOODBYE:
            return True
        rest = rest[4 + 4 * words :]
    return False


def _block(data: bytes) -> ReportBlock:
    ssrc, lost, highest, jitter, last, delay = _BLOCK.unpack(data)
    signed = (lost & 0xFFFFFF) - (1 << 24 if lost & 0x800000 else 0)
    return ReportBlock(ssrc, signed, highest, jitter, last, delay / 65536)
