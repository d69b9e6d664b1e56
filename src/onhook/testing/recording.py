"""What the test phone heard: the RTP packets that arrived, and the sound in them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from os import PathLike

import numpy as np

from onhook.testing import g711, rtp
from onhook.testing.g711 import RATE_HZ, Pcm
from onhook.testing.rtp import RtpError, RtpPacket
from onhook.testing.sdp_text import EVENTS
from onhook.testing.tones import write_wav

MAX_PACKETS = 400_000  # over two hours; what comes after is counted, not kept
QUIET = 8  # the magnitude of a sample that nobody hears: the smallest step of either law
MAX_DRIFT_S = 10.0  # a timestamp further than this from the time of arrival is a new beginning


@dataclass(slots=True)
class _Stream:
    """One synchronisation source: its numbers without wrap-around, and where its sound lies."""

    seq: int
    timestamp: int
    origin: int
    """Position in the recording, in samples, of the timestamp 0 (unwrapped)."""
    seen: set[int] = field(default_factory=set)

    def unwrap(self, packet: RtpPacket) -> tuple[int, int]:
        """Continue sequence number and timestamp beyond 16 and 32 bits."""
        seq = self.seq + (packet.seq - self.seq + 0x8000) % 0x10000 - 0x8000
        step = (packet.timestamp - self.timestamp + 0x80000000) % 0x100000000 - 0x80000000
        return seq, self.timestamp + step


@dataclass(frozen=True, slots=True)
class _Placed:
    """A packet of sound and the position of its first sample in the recording."""

    packet: RtpPacket
    law: str
    position: int

    @property
    def audible(self) -> bool:
        """Whether there is anything in it but silence."""
        return bool(self.packet.payload.translate(None, _QUIET_CODES[self.law]))

    @property
    def end(self) -> int:
        """The position behind its last sample."""
        return self.position + len(self.packet.payload)


_QUIET_CODES = {
    law: bytes(code for code in range(256) if abs(int(g711.decode(law, bytes([code]))[0])) <= QUIET)
    for law in g711.SILENCE
}


class Recording:
    """The RTP that was received in one call, in order of arrival.

    `payload_types` names the codec of each payload type (those that the phone offered). Sound is
    placed by RTP timestamp, so jitter is not heard and a loss is silence; a new source, or a
    timestamp that leaps away from the clock by more than 10 s, is placed by its time of arrival.

    A good server sends silence wherever there is nothing else to be heard. What is asked about the
    sound here is asked about what can be heard; only gaps and losses are those of all packets.
    """

    def __init__(self, payload_types: Mapping[int, str]) -> None:
        self.packets: list[RtpPacket] = []
        """Every packet, `at_s` being the monotonic time at which the kernel received it."""
        self.unreadable = 0
        """Datagrams that are not RTP."""
        self.not_kept = 0
        """Packets beyond the 400,000 that are kept."""
        self.duplicates = 0
        """Packets whose sequence number had arrived before."""
        self.reordered = 0
        """Packets that arrived after one with a later sequence number."""
        self.leaps = 0
        """How often the timestamps leapt; 0 in a call as it should be."""
        self._types = dict(payload_types)
        self._streams: dict[int, _Stream] = {}
        self._placed: list[_Placed] = []

    def learn(self, payload_types: Mapping[int, str]) -> None:
        """Name further payload types, those of a later description."""
        self._types.update(payload_types)

    def add(self, packet: RtpPacket) -> None:
        """Take one received packet."""
        if len(self.packets) >= MAX_PACKETS:
            self.not_kept += 1
            return
        self.packets.append(packet)
        stream = self._streams.get(packet.ssrc)
        if stream is None:
            stream = self._begin(packet)
        seq, timestamp = stream.unwrap(packet)
        if seq in stream.seen:
            self.duplicates += 1
            return
        stream.seen.add(seq)
        law = self._types.get(packet.payload_type)
        if seq < stream.seq:
            self.reordered += 1
        if law in g711.SILENCE:
            arrived = self._arrival(packet)
            if abs(stream.origin + timestamp - arrived) > MAX_DRIFT_S * RATE_HZ:
                self.leaps += 1
                stream.origin = arrived - timestamp
            self._placed.append(_Placed(packet, law, stream.origin + timestamp))
        if seq >= stream.seq:
            stream.seq, stream.timestamp = seq, timestamp

    def add_datagram(self, data: bytes, at_s: float, source: tuple[str, int], port: int) -> None:
        """Take one received datagram; what is not RTP is only counted."""
        try:
            self.add(rtp.parse(data, at_s=at_s, source=source, local_port=port))
        except RtpError:
            self.unreadable += 1

    @property
    def audio(self) -> list[RtpPacket]:
        """The packets in which something can be heard, each once, in order of arrival."""
        return [placed.packet for placed in self._placed if placed.audible]

    @property
    def silence(self) -> list[RtpPacket]:
        """The packets of sound in which there is nothing but silence, in the same way."""
        return [placed.packet for placed in self._placed if not placed.audible]

    @property
    def first_packet_s(self) -> float | None:
        """When the first packet arrived in which something can be heard; None if none did."""
        return next((packet.at_s for packet in self.audio), None)

    @property
    def last_packet_s(self) -> float | None:
        """When the last packet arrived in which something can be heard; None if none did.

        It sounds for 20 ms more.
        """
        return max((packet.at_s for packet in self.audio), default=None)

    def pcm(self) -> Pcm:
        """Return the sound from the first packet with something in it to the last.

        Zeros where nothing came in between.
        """
        audible = [placed for placed in self._placed if placed.audible]
        if not audible:
            return np.zeros(0, dtype=np.int16)
        start = min(placed.position for placed in audible)
        end = max(placed.end for placed in audible)
        sound = np.zeros(end - start, dtype=np.int16)
        for placed in self._placed:
            if start <= placed.position and placed.end <= end:
                at, payload = placed.position - start, placed.packet.payload
                sound[at : at + len(payload)] = g711.decode(placed.law, payload)
        return sound

    @property
    def heard_s(self) -> float:
        """Seconds of sound received in packets in which something can be heard."""
        return sum(len(packet.payload) for packet in self.audio) / RATE_HZ

    @property
    def lost(self) -> int:
        """Packets that never came, by the holes in the sequence numbers."""
        return sum(max(s.seen) - min(s.seen) + 1 - len(s.seen) for s in self._streams.values())

    def gaps_ms(self) -> list[float]:
        """List the times between packets of sound that follow one another, in ms; silence is one.

        Not in front of a marker bit (a talk spurt begins there, RFC 3551 4.1), nor between sources.
        """
        packets = [placed.packet for placed in self._placed]
        return [
            (after.at_s - before.at_s) * 1000
            for before, after in pairwise(packets)
            if after.ssrc == before.ssrc and not after.marker
        ]

    def gap_ms(self, percentile: float) -> float:
        """Return a percentile of `gaps_ms`; 0 when there are fewer than two packets."""
        gaps = self.gaps_ms()
        return float(np.percentile(gaps, percentile)) if gaps else 0.0

    @property
    def gap_p50_ms(self) -> float:
        """The median time between packets."""
        return self.gap_ms(50)

    @property
    def gap_p99_ms(self) -> float:
        """The time between packets that 99 of 100 keep."""
        return self.gap_ms(99)

    def digits(self) -> str:
        """Return the keys received as telephone-events, in order, each press once."""
        presses: dict[tuple[int, int], str] = {}
        for packet in self.packets:
            if self._types.get(packet.payload_type) != EVENTS:
                continue
            try:
                event = rtp.parse_event(packet.payload)
            except RtpError:
                continue
            presses.setdefault((packet.ssrc, packet.timestamp), event.digit)
        return "".join(presses.values())

    def before(self, at_s: float) -> "Recording":
        """Return a recording of what had arrived at a moment (monotonic)."""
        return self._part(packet for packet in self.packets if packet.at_s < at_s)

    def since(self, at_s: float) -> "Recording":
        """Return a recording of what arrived from a moment on (monotonic)."""
        return self._part(packet for packet in self.packets if packet.at_s >= at_s)

    def forget(self) -> None:
        """Drop what was heard, once nobody will ask for it: thousands of calls would need much memory."""
        self.packets.clear()
        self._placed.clear()
        self._streams.clear()

    def _part(self, packets: Iterable[RtpPacket]) -> "Recording":
        part = Recording(self._types)
        for packet in packets:
            part.add(packet)
        return part

    def _begin(self, packet: RtpPacket) -> _Stream:
        """Open a source; its first packet lies where its time of arrival puts it."""
        origin = self._arrival(packet) - packet.timestamp
        stream = _Stream(packet.seq, packet.timestamp, origin)
        self._streams[packet.ssrc] = stream
        return stream

    def _arrival(self, packet: RtpPacket) -> int:
        """Return the time since the first packet of all, in samples."""
        return round((packet.at_s - self.packets[0].at_s) * RATE_HZ)

    def save_wav(self, path: str | PathLike[str]) -> None:
        """Write the sound as a wav file, 8000 samples a second; OSError passes through."""
        write_wav(path, self.pcm())
