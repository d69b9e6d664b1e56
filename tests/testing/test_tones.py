import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.testing import find_tone, find_tones, g711, silence, speech_like, tone, write_wav
from onhook.testing.g711 import Pcm


def join(*parts: Pcm) -> Pcm:
    return np.concatenate(parts)


def hiss(ms: float, level: float, seed: int = 1) -> Pcm:
    noise = np.random.default_rng(seed).normal(0, level, round(ms * 8))
    return np.clip(noise, -32768, 32767).astype(np.int16)


def test_a_tone_has_its_length_and_level() -> None:
    sound = tone(440, 250, level_dbfs=-6.0)
    assert sound.dtype == np.int16
    assert len(sound) == 2000
    assert np.max(sound) == pytest.approx(32767 * 10 ** (-6 / 20), rel=0.01)


@settings(max_examples=60, deadline=None)
@given(
    hz=st.sampled_from([300, 440, 697, 1000, 1633, 3000]),
    before_ms=st.integers(0, 400),
    length_ms=st.integers(60, 500),
    law=st.sampled_from(["PCMU", "PCMA"]),
    noise=st.sampled_from([0.0, 100.0, 600.0]),
)
def test_edges_are_honest(hz: int, before_ms: int, length_ms: int, law: str, noise: float) -> None:
    """Within 2 ms when clean, 5 ms at a signal-to-noise ratio of about 20 dB, after G.711."""
    sound = join(silence(before_ms), tone(hz, length_ms), silence(200))
    sound = (sound + hiss(len(sound) / 8, noise)[: len(sound)]).astype(np.int16)
    found = find_tone(g711.decode(law, g711.encode(law, sound)), hz)
    assert found is not None
    off_ms = 5.0 if noise else 2.0
    assert abs(found[0] - before_ms) <= off_ms
    assert abs(found[1] - before_ms - length_ms) <= off_ms


def test_tones_side_by_side_are_told_apart() -> None:
    sound = join(tone(440, 300), tone(880, 200), tone(600, 300))
    for hz, start, end in ((440, 0, 300), (880, 300, 500), (600, 500, 800)):
        assert find_tone(sound, hz) == pytest.approx((start, end), abs=3)
    assert find_tone(sound, 1200) is None


@pytest.mark.parametrize("cut_ms", [10, 20, 60])
def test_a_clipped_end_is_noticed(cut_ms: int) -> None:
    whole = join(silence(100), tone(440, 500))
    found = find_tone(join(whole[: -cut_ms * 8], silence(300)), 440)
    assert found is not None
    assert found[1] == pytest.approx(600 - cut_ms, abs=2)


def test_a_tone_up_to_both_ends_fills_the_recording() -> None:
    assert find_tone(tone(440, 400), 440) == pytest.approx((0, 400), abs=1.5)


def test_a_dropout_splits_and_find_tones_lists_both() -> None:
    sound = join(tone(440, 300), silence(20), tone(440, 200))
    found = find_tones(sound, 440)
    assert [round(edge / 4) * 4 for span in found for edge in span] == [300 * 0, 300, 320, 520]
    assert find_tone(sound, 440) == found[0]


def test_what_is_no_tone_is_not_found() -> None:
    assert find_tone(silence(0), 440) is None
    assert find_tone(silence(500), 440) is None
    assert find_tone(hiss(2000, 3000), 440) is None
    assert find_tone(tone(440, 20), 440) is None  # shorter than min_ms
    assert find_tone(tone(440, 500, level_dbfs=-60), 440) is None


def test_a_frequency_must_be_below_half_the_rate() -> None:
    with pytest.raises(ValueError, match="Hz"):
        find_tone(silence(100), 4000)


def spoken(seconds: float) -> Pcm:
    """Imitate speech: a buzz with harmonics whose pitch and level move with the syllables."""
    t = np.arange(round(seconds * 8000)) / 8000
    phase = 2 * np.pi * np.cumsum(120 + 25 * np.sin(2 * np.pi * 0.9 * t)) / 8000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    envelope = np.clip(np.sin(2 * np.pi * 3.5 * t), 0.02, 1)
    return np.asarray(buzz * envelope * 6000, dtype=np.int16)


def test_speech_is_told_from_silence_hiss_and_tone() -> None:
    heard = speech_like(join(silence(500), spoken(2.0), silence(500)))
    assert heard
    assert 0.7 < heard.voiced_s <= heard.sounding_s < 2.2
    assert not speech_like(silence(2000))
    assert not speech_like(silence(0))
    assert not speech_like(hiss(2000, 2000))
    assert not speech_like(tone(300, 2000))
    assert speech_like(hiss(2000, 2000)).sounding_s == pytest.approx(2.0, abs=0.1)


def test_a_wav_file_holds_the_samples(tmp_path: Path) -> None:
    sound = tone(440, 100)
    write_wav(tmp_path / "a.wav", sound, 8000)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        assert np.array_equal(np.frombuffer(file.readframes(9999), dtype="<i2"), sound)
