import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.testing import Recording, find_tone, g711, silence, tone
from onhook.testing.g711 import Pcm
from onhook.testing.rtp import RtpPacket, event_payloads
from onhook.testing.sdp_text import EVENTS

TYPES = {0: "PCMU", 8: "PCMA", 101: EVENTS}


def packets(
    pcm: Pcm,
    *,
    seq: int = 0,
    timestamp: int = 0,
    start_s: float = 50.0,
    ssrc: int = 1,
    law: int = 0,
) -> list[RtpPacket]:
    code = g711.encode(TYPES[law], pcm)
    return [
        RtpPacket(
            law, (seq + n) % 65536, (timestamp + 160 * n) % 2**32, ssrc,
            code[160 * n : 160 * n + 160], n == 0, start_s + 0.020 * n,
        )
        for n in range(len(code) // 160)
    ]  # fmt: skip


def recorded(*some: RtpPacket) -> Recording:
    recording = Recording(TYPES)
    for packet in some:
        recording.add(packet)
    return recording


def test_sound_is_placed_by_timestamp_across_the_wrap() -> None:
    sound = np.concatenate([tone(440, 100), silence(100), tone(880, 200), silence(100)])
    recording = recorded(*packets(sound, seq=65530, timestamp=2**32 - 800))
    assert len(recording.pcm()) == len(sound) - 800
    assert find_tone(recording.pcm(), 880) == pytest.approx((200, 400), abs=2)
    assert (recording.lost, recording.duplicates, recording.reordered) == (0, 0, 0)
    assert recording.heard_s == pytest.approx(0.3)
    assert recording.gap_p50_ms == pytest.approx(20)
    assert recording.gap_p99_ms == pytest.approx(20)


@pytest.mark.parametrize("law", [0, 8])
def test_silence_is_not_heard(law: int) -> None:
    """Before, between and behind what is: only gaps and losses are those of all packets."""
    sent = packets(np.concatenate([silence(200), tone(440, 100), silence(300)]), law=law)
    recording = recorded(*sent[:7], *sent[8:])
    assert find_tone(recording.pcm(), 440) == pytest.approx((0, 100), abs=2)
    assert recording.heard_s == pytest.approx(0.1)
    assert recording.first_packet_s == pytest.approx(50.2)
    assert recording.last_packet_s == pytest.approx(50.28)
    assert len(recording.audio) == 5
    assert len(recording.silence) == 24
    assert recording.lost == 1
    assert recording.gap_p99_ms > 20
    assert len(recorded(*packets(silence(200), law=law)).pcm()) == 0


def test_both_laws_in_one_stream() -> None:
    first, second = tone(440, 200), tone(1000, 200)
    recording = recorded(
        *packets(first), *packets(second, seq=10, timestamp=1600, start_s=50.2, law=8)
    )
    assert find_tone(recording.pcm(), 440) == pytest.approx((0, 200), abs=2)
    assert find_tone(recording.pcm(), 1000) == pytest.approx((200, 400), abs=2)


@given(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_order_and_copies_change_nothing(seq: int, stamp: int, chance: random.Random) -> None:
    sound = tone(440, 400)
    sent = packets(sound, seq=seq, timestamp=stamp)
    shuffled = [sent[0], *chance.sample(sent[1:], len(sent) - 1)]
    recording = recorded(*shuffled, *sent[5:8])
    assert np.array_equal(recording.pcm(), recorded(*sent).pcm())
    assert recording.lost == 0
    assert recording.duplicates == 3


def test_a_loss_is_silence_and_is_counted() -> None:
    sent = packets(tone(440, 400))
    recording = recorded(*sent[:8], *sent[10:])
    assert recording.lost == 2
    assert len(recording.pcm()) == 3200
    assert not recording.pcm()[1280:1600].any()
    assert recording.heard_s == pytest.approx(0.36)
    assert max(recording.gaps_ms()) == pytest.approx(60)


def test_a_new_source_is_placed_by_its_arrival() -> None:
    recording = recorded(
        *packets(tone(440, 200), ssrc=1), *packets(tone(880, 200), ssrc=2, start_s=50.5, seq=900)
    )
    assert find_tone(recording.pcm(), 880) == pytest.approx((500, 700), abs=2)
    assert recording.lost == 0
    assert len(recording.gaps_ms()) == 18


def test_a_leaping_timestamp_does_not_fill_the_memory() -> None:
    sent = packets(tone(440, 100))
    leapt = packets(tone(440, 100), seq=5, timestamp=2**31 - 1, start_s=50.1)
    back = packets(tone(440, 100), seq=10, timestamp=5, start_s=50.2)
    recording = recorded(*sent, *leapt, *back)
    assert recording.leaps == 2
    assert len(recording.pcm()) == 2400


def test_keys_are_read_once_each() -> None:
    recording = Recording(TYPES)
    stamps = (0, 1600, 3200)
    for n, (digit, stamp) in enumerate(zip("11#", stamps, strict=True)):
        for payload in event_payloads(digit, 60):
            recording.add(RtpPacket(101, n, stamp, 9, payload))
    recording.add(RtpPacket(101, 3, 9999, 9, b"?"))
    assert recording.digits() == "11#"
    assert recording.heard_s == 0


def test_before_and_since_divide_a_recording() -> None:
    recording = recorded(*packets(tone(440, 200)))
    assert recording.before(50.1).heard_s == pytest.approx(0.1)
    assert recording.since(50.1).heard_s == pytest.approx(0.1)
    assert recording.before(50.1).last_packet_s == pytest.approx(50.08)
    assert recording.since(50.1).first_packet_s == pytest.approx(50.1)


def test_nothing_is_an_empty_recording(tmp_path: Path) -> None:
    recording = Recording(TYPES)
    recording.add_datagram(b"junk", 1.0, ("127.0.0.1", 1), 2)
    assert recording.unreadable == 1
    assert len(recording.pcm()) == 0
    assert (recording.first_packet_s, recording.last_packet_s) == (None, None)
    assert (recording.heard_s, recording.lost, recording.gap_p99_ms) == (0, 0, 0)
    recording.save_wav(tmp_path / "empty.wav")


@given(st.lists(st.binary(min_size=12, max_size=40).map(lambda data: b"\x80" + data)))
def test_hostile_packets_never_fail(datagrams: list[bytes]) -> None:
    recording = Recording(dict.fromkeys(range(128), "PCMU"))
    for n, data in enumerate(datagrams):
        recording.add_datagram(data, 10 + n * 0.02, ("127.0.0.1", 1), 2)
    assert len(recording.pcm()) <= 8000 * (0.02 * len(datagrams) + 21)
    assert recording.lost >= 0
