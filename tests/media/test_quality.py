"""What the figures of a stream come to."""

import pytest

from onhook.media.quality import mos, quality_of
from onhook.media.stream import StreamStats

NOTHING = dict.fromkeys(StreamStats._fields, 0)


def stats(**known: int) -> StreamStats:
    return StreamStats(**{**NOTHING, **known})


@pytest.mark.parametrize(
    ("loss_percent", "delay_ms", "score"),
    [
        (0, 0, 4.41),  # G.107: R = 93.2
        (0, 177.3, 4.31),
        (0, 400, 3.05),
        (1, 20, 4.32),
        (5, 20, 3.90),
        (20, 20, 2.61),
        (100, 0, 1.18),
        (0, 5000, 1.0),
    ],
)
def test_the_score(loss_percent: float, delay_ms: float, score: float) -> None:
    assert mos(loss_percent, delay_ms) == pytest.approx(score, abs=0.01)


def test_what_was_received() -> None:
    quality = quality_of(stats(received_packets=95, duplicated=5, lost=10, jitter=40))
    assert (quality.received.packets, quality.received.lost) == (90, 10)
    assert (quality.received.loss_percent, quality.received.jitter_ms) == (10, 5)
    assert quality.sent is None
    assert quality.round_trip_ms is None


def test_what_the_phone_says() -> None:
    told = stats(
        sent_packets=1000, reports=1, reported_lost=20, reported_of=400, reported_jitter=16,
        round_trip_us=80_500,
    )  # fmt: skip
    quality = quality_of(told)
    assert quality.sent is not None
    assert (quality.sent.packets, quality.sent.lost, quality.sent.loss_percent) == (380, 20, 5)
    assert (quality.sent.jitter_ms, quality.round_trip_ms) == (2, 80.5)


@pytest.mark.parametrize(("lost", "of"), [(-5, 100), (2**23 - 1, 100), (7, 0)])
def test_what_a_phone_cannot_mean(lost: int, of: int) -> None:
    quality = quality_of(stats(reports=1, reported_lost=lost, reported_of=of))
    assert quality.sent is not None
    assert 0 <= quality.sent.lost <= of
    assert quality.sent.packets + quality.sent.lost == of


def test_a_call_without_a_packet() -> None:
    quality = quality_of(stats())
    assert (quality.received.mos, quality.received.loss_percent) == (1.0, 0)
