"""How well a call could be heard, each way: what its stream counted, in figures that people know. Pure.

What arrives is counted here; what was sent is counted by the peer, who tells by RTCP (RFC 3550 6.4). The
score is that of the E-model (ITU-T G.107), cut down to what a packet network does to G.711:

    R = 93.2 - Id - Ie,eff          93.2: all other parameters at their defaults (G.107 7.7)
    Id = 0.024 d + 0.11 (d - 177.3) above 177.3 ms     d: delay one way, in ms; R. G. Cole, J. H. Rosenbluth,
                                    "Voice over IP performance monitoring", 2001, equation 2
    Ie,eff = Ie + (95 - Ie) Ppl / (Ppl + Bpl)          Ppl: loss in percent, at random (G.107 7.5)
    Ie = 0, Bpl = 25.1              G.711 whose losses are concealed, as phones do (G.113 appendix I)
    MOS = 1 + 0.035 R + R (R - 60) (100 - R) 7e-6      (G.107 annex B)

It is an estimate of the network's part, not of what somebody said into a bad microphone.
"""

from dataclasses import dataclass

from onhook.media.measured import Measured
from onhook.media.stream import StreamStats

_SAMPLES_PER_MS = 8
_PACKET_MS = 20.0
_BEST_R = 93.2
_BPL = 25.1
_NOTICED_MS = 177.3
_BUFFERED_JITTERS = 2.0
"""A phone's jitter buffer holds about so many times the jitter."""


@dataclass(frozen=True, slots=True)
class OneWay:
    """One direction of a call. What is not known is None."""

    packets: int
    """Those that arrived, as far as that was counted where they did."""
    lost: int
    loss_percent: float
    """Of those that were sent."""
    jitter_ms: float
    """The estimate of RFC 3550 6.4.1, as it was last."""
    mos: float
    """1 to 4.4; see above."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Both directions of a call.

    `sent` is what the peer told last; None if it told nothing. `round_trip_ms` is from RTCP (RFC 3550
    6.4.1, LSR and DLSR); None if it is not known.
    """

    sent_packets: int
    """That left here, whether they arrived or not."""
    received: OneWay
    sent: OneWay | None
    round_trip_ms: float | None


def quality_of(stats: StreamStats | Measured) -> Quality:
    """What the figures of a stream come to."""
    trip_ms = stats.round_trip_us / 1000 if stats.round_trip_us else None
    arrived = max(0, stats.received_packets - stats.duplicated)
    received = _one_way(arrived, stats.lost, stats.jitter, trip_ms)
    sent = None
    if stats.reports:
        lost = min(
            max(0, stats.reported_lost), stats.reported_of
        )  # repeated ones count as negative
        there = stats.reported_of - lost
        sent = _one_way(there, lost, stats.reported_jitter, trip_ms)
    return Quality(stats.sent_packets, received, sent, trip_ms)


def mos(loss_percent: float, delay_ms: float) -> float:
    """The score of a direction with this loss and this delay from mouth to ear."""
    late_ms = max(0.0, delay_ms - _NOTICED_MS)
    delayed = 0.024 * delay_ms + 0.11 * late_ms
    spoilt = 95 * loss_percent / (loss_percent + _BPL)
    r = min(100.0, max(0.0, _BEST_R - delayed - spoilt))
    score = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6
    return max(1.0, score)


def _one_way(arrived: int, lost: int, jitter: int, trip_ms: float | None) -> OneWay:
    due = arrived + lost
    loss_percent = 100 * lost / due if due else 0.0
    jitter_ms = jitter / _SAMPLES_PER_MS
    delay_ms = (trip_ms or 0.0) / 2 + _PACKET_MS + _BUFFERED_JITTERS * jitter_ms
    return OneWay(
        arrived,
        lost,
        round(loss_percent, 2),
        round(jitter_ms, 1),
        round(mos(loss_percent, delay_ms), 2) if arrived else 1.0,
    )
