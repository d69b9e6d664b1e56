"""RTP packets (RFC 3550 5.1) and telephone-events (RFC 4733 2.3), to read and to write.

Pure, and written for the test phone alone. Errors: RtpError (a ValueError).
"""

import struct
from dataclasses import dataclass

from onhook.testing.sip_text import Address

FRAME_MS = 20
FRAME_SAMPLES = 160  # 20 ms at 8000 a second
DIGITS = "0123456789*#ABCD"  # by event code, RFC 4733 3.2
_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")
_EVENT_VOLUME = 10  # -10 dBm0


class RtpError(ValueError):
    """Bytes that are not an RTP packet of version 2."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet; `at_s` (monotonic) and the addresses are known for received ones."""

    payload_type: int
    seq: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    at_s: float = 0.0
    source: Address = ("", 0)
    local_port: int = 0

    def to_bytes(self) -> bytes:
        """Write the packet, without CSRC list and extension."""
        second = self.payload_type | (0x80 if self.marker else 0)
        return _HEADER.pack(0x80, second, self.seq, self.timestamp, self.ssrc) + self.payload


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """The payload of a telephone-event: which key, for how long, and whether it was let go."""

    digit: str
    duration_samples: int
    end: bool

    def to_bytes(self) -> bytes:
        """Write the four bytes of the payload."""
        flags = _EVENT_VOLUME | (0x80 if self.end else 0)
        return _EVENT.pack(DIGITS.index(self.digit), flags, self.duration_samples)


def parse(
    data: bytes, *, at_s: float = 0.0, source: Address = ("", 0), local_port: int = 0
) -> RtpPacket:
    """Read one datagram; CSRCs, the extension and padding are skipped. Raises RtpError only."""
    if len(data) < _HEADER.size or data[0] >> 6 != 2:
        raise RtpError("not RTP version 2")
    first, second, seq, timestamp, ssrc = _HEADER.unpack_from(data)
    start, end = _HEADER.size + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        if end < start + 4:
            raise RtpError("a header extension that is cut off")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        end -= data[-1]
        if data[-1] == 0:
            raise RtpError("padding of no length")
    if start > end:
        raise RtpError("a header longer than the packet")
    return RtpPacket(
        second & 0x7F, seq, timestamp, ssrc, data[start:end], bool(second & 0x80),
        at_s, source, local_port,
    )  # fmt: skip


def parse_event(payload: bytes) -> TelephoneEvent:
    """Read the payload of a telephone-event; RtpError for what is not one of a phone's 16 keys."""
    if len(payload) < _EVENT.size:
        raise RtpError("a telephone-event of fewer than four bytes")
    code, flags, duration = _EVENT.unpack_from(payload)
    if code >= len(DIGITS):
        raise RtpError(f"telephone-event {code} is not a key")
    return TelephoneEvent(DIGITS[code], duration, bool(flags & 0x80))


def event_payloads(
    digit: str, tone_ms: int, end_packets: int = 3, *, frame_ms: int = FRAME_MS
) -> list[bytes]:
    """Compose the payloads of one key press, one every `frame_ms`; all have the first one's timestamp.

    The durations grow with each packet; the last is sent `end_packets` times with the end bit
    (RFC 4733 2.5.1.4 asks for three). Raises RtpError for what is not a key, or a press that
    is not between 20 and 8000 ms.
    """
    if len(digit) != 1 or digit not in DIGITS:
        raise RtpError(f"not a key of a phone: {digit!r}")
    if not FRAME_MS <= tone_ms <= 8000:
        raise RtpError("a key is pressed for 20 to 8000 ms")
    frames = max(1, tone_ms // frame_ms)
    step = frame_ms * FRAME_SAMPLES // FRAME_MS
    rising = [TelephoneEvent(digit, step * (n + 1), end=False) for n in range(frames)]
    last = TelephoneEvent(digit, step * frames, end=True)
    return [event.to_bytes() for event in (*rising, *[last] * end_packets)]
