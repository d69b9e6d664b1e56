"""Whether a call was heard without a hole, by the numbers of its RTP packets and nothing else.

An independent receiver: it takes the headers as they came (RFC 3550 5.1) and shares nothing with the
recording of the test phone, which fills holes with silence. Payloads are compared with what was to be heard,
byte by byte.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np

from onhook.testing import g711
from onhook.testing.g711 import RATE_HZ, Pcm
from onhook.testing.rtp import RtpPacket

LAWS = {0: "PCMU", 8: "PCMA"}
"""Static payload types of sound; others are keys, which stand on the line of timestamps and take no time."""
FRAME = 160
"""Samples of a packet of 20 ms."""
_PEAK = 4634
"""Of a message that is as loud as messages are: the server leaves its samples as they are."""
_LAST = 2 * FRAME
"""Samples at the end of a message that are not compared: a resampler does as it likes with its last ones."""
_WINDOW = 50
"""Packets: a second, in which one at least is on time."""


@dataclass(frozen=True, slots=True)
class Books:
    """What the numbers of packets say. All but the first is 0, where nothing was lost."""

    packets: int = 0
    changes: int = 0
    """Sources (SSRC) beyond the first."""
    missing: int = 0
    """Numbers between the first and the last that never came, or came with another source."""
    doubled: int = 0
    disordered: int = 0
    """Packets that came behind one with a later number."""
    leaps: int = 0
    """Timestamps that are not those of the packet before and its samples."""

    @classmethod
    def of(cls, packets: Iterable[RtpPacket]) -> Self:
        """Count packets, given in their order of arrival."""
        sources: dict[int, list[RtpPacket]] = {}
        for packet in packets:
            sources.setdefault(packet.ssrc, []).append(packet)
        counted = [_one_source(each) for each in sources.values()]
        return cls(
            sum(len(each) for each in sources.values()),
            max(0, len(sources) - 1),
            *(sum(each[at] for each in counted) for at in range(4)),
        )

    @property
    def whole(self) -> bool:
        """Whether nothing is missing, twice, or in another place than its own."""
        wrong = self.changes, self.missing, self.doubled, self.disordered, self.leaps
        return bool(self.packets) and not any(wrong)


def _one_source(packets: Sequence[RtpPacket]) -> tuple[int, int, int, int]:
    """Missing, doubled, out of order, leaps."""
    numbers = unwrapped([packet.seq for packet in packets], 1 << 16)
    placed = dict(zip(numbers, packets, strict=True))
    missing = max(numbers) - min(numbers) + 1 - len(placed)
    doubled = len(numbers) - len(placed)
    disordered = sum(after < before for before, after in pairwise(numbers))
    leaps = 0
    for number, packet in placed.items():
        before = placed.get(number - 1)
        if before is None or not {before.payload_type, packet.payload_type} <= LAWS.keys():
            continue
        step = (packet.timestamp - before.timestamp) % (1 << 32)
        leaps += step != len(before.payload)
    return missing, doubled, disordered, leaps


def unwrapped(numbers: Sequence[int], period: int) -> list[int]:
    """Numbers that wrap around, continued."""
    found: list[int] = []
    for number in numbers:
        last = found[-1] if found else number
        found.append(last + (number - last + period // 2) % period - period // 2)
    return found


def stood_still_ms(packets: Sequence[RtpPacket]) -> float:
    """By how much the sound is later at the end than it was at the beginning: whoever sent it stood still for
    so long, though its numbers go on as if it had not.

    The earliest packet of a second counts on either side, so that those which were late alone do not.
    """
    sound = [one for one in packets if one.payload_type in LAWS]
    stamps = unwrapped([one.timestamp for one in sound], 1 << 32)
    late = [one.at_s - at / RATE_HZ for one, at in zip(sound, stamps, strict=True)]
    return 1000 * (min(late[-_WINDOW:]) - min(late[:_WINDOW])) if late else 0.0


def known(seconds: float, from_hz: float = 300.0, to_hz: float = 1300.0) -> Pcm:
    """A message of which no two frames are alike, and which reaches a phone as it is but for its end."""
    moments = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (from_hz + (to_hz - from_hz) / (2 * seconds) * moments) * moments
    samples = (_PEAK * np.sin(phase)).astype(np.int16)
    return g711.decode("PCMU", g711.encode("PCMU", samples))


def in_order(packets: Iterable[RtpPacket]) -> list[RtpPacket]:
    """Packets in the order of their numbers, each once; one source after the other."""
    sources: dict[int, list[RtpPacket]] = {}
    for packet in packets:
        sources.setdefault(packet.ssrc, []).append(packet)
    ordered = []
    for each in sources.values():
        numbers = unwrapped([packet.seq for packet in each], 1 << 16)
        placed = dict(zip(numbers, each, strict=True))
        ordered += [placed[number] for number in sorted(placed)]
    return ordered


def payloads(packets: Iterable[RtpPacket]) -> bytes:
    """The sound of packets in the order of their numbers, each once; one source after the other."""
    ordered = in_order(one for one in packets if one.payload_type in LAWS)
    return b"".join(packet.payload for packet in ordered)


def first_break(
    packets: Iterable[RtpPacket], *, stamped: bool = True
) -> tuple[RtpPacket, RtpPacket] | None:
    """The packets on both sides of the first place where the numbers do not go on; where they are
    ``stamped``, the timestamps neither."""
    for before, after in pairwise(in_order(packets)):
        if before.ssrc != after.ssrc or (after.seq - before.seq) % (1 << 16) != 1:
            return before, after
        sound = {before.payload_type, after.payload_type} <= LAWS.keys()
        step = (after.timestamp - before.timestamp) % (1 << 32)
        if stamped and sound and step != len(before.payload):
            return before, after
    return None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Packets in a row with frames of a message one behind the other, or with nothing of it."""

    first: RtpPacket
    begins: int | None
    """With this frame of the message; None where it is something else,"""
    silent: bool
    """or nothing."""
    packets: int

    def __str__(self) -> str:
        if self.begins is not None:
            return f"{self.packets} packets from frame {self.begins} on"
        return f"{self.packets} packets of {'silence' if self.silent else 'something else'}"


def stretches(packets: Iterable[RtpPacket], message: bytes) -> list[Stretch]:
    """What was heard of a message of which no two frames are alike, said once or again and again."""
    frames = [message[at : at + FRAME] for at in range(0, len(message), FRAME)]
    places = {frame: number for number, frame in enumerate(frames)}
    found: list[Stretch] = []
    for packet in in_order(one for one in packets if one.payload_type in LAWS):
        place, silent = places.get(packet.payload), not packet.payload.strip(b"\xff\x7f\xd5\x55")
        last = found[-1] if found else None
        if last is None or (place, silent) != _next(last, len(frames)):
            found.append(Stretch(packet, place, silent, 1))
        else:
            found[-1] = replace(last, packets=last.packets + 1)
    return found


def _next(stretch: Stretch, frames: int) -> tuple[int | None, bool]:
    begins = stretch.begins
    return None if begins is None else (begins + stretch.packets) % frames, stretch.silent


def first_difference(said: bytes, wanted: Pcm, law: str = "PCMU") -> float | None:
    """How many seconds of a :func:`known` message were heard until something else came; None for all of it.

    It has to be heard once: 0 if its beginning never comes, or comes twice.
    """
    code = g711.encode(law, wanted)[:-_LAST]
    begin = code[:FRAME]
    at = said.find(begin)
    if at < 0 or said.find(begin, at + FRAME) >= 0:
        return 0.0
    heard = np.frombuffer(said[at : at + len(code)], dtype=np.uint8)
    other = np.flatnonzero(heard != np.frombuffer(code, dtype=np.uint8)[: len(heard)])
    if len(other):
        return float(other[0]) / RATE_HZ
    return None if len(heard) == len(code) else len(heard) / RATE_HZ
