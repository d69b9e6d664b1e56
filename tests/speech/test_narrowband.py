import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.speech.narrowband import RATE_HZ, Narrowband, Pcm, faded, filled_up
from onhook.speech.voices import Samples


def tone(rate_hz: int, seconds: float, hz: float = 400.0, level: float = 0.5) -> Samples:
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    return (level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def convert(samples: Samples, rate_hz: int, chunk: int = 4096) -> Pcm:
    narrowband = Narrowband(rate_hz)
    for start in range(0, len(samples), chunk):
        narrowband.feed(samples[start : start + chunk])
    return narrowband.finish()


def test_16_bits_at_8000_hz_pass_unchanged() -> None:
    pcm = np.arange(-32768, 32768).astype(np.int16)
    np.testing.assert_array_equal(convert((pcm / 32768).astype(np.float32), RATE_HZ), pcm)


@pytest.mark.parametrize(
    "rate_hz", [4_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 192_000]
)
def test_a_tone_keeps_its_length_its_place_and_its_level(rate_hz: int) -> None:
    pcm = convert(tone(rate_hz, 1.0), rate_hz)
    assert abs(len(pcm) - RATE_HZ) <= 1
    wanted = tone(RATE_HZ, 1.0) * 32768
    inside = slice(100, 7900)  # at the edges the filter rings, as it must
    np.testing.assert_allclose(pcm[inside], wanted[inside], atol=40)


@settings(deadline=None, max_examples=40)
@given(st.integers(10, 5000), st.integers(10, 5000))
def test_the_size_of_the_chunks_is_not_heard(chunk: int, other: int) -> None:
    samples = tone(24_000, 0.3)
    np.testing.assert_allclose(
        convert(samples, 24_000, chunk), convert(samples, 24_000, other), atol=1
    )


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
def test_too_loud_is_clipped_and_never_wraps(rate_hz: int) -> None:
    square = np.sign(tone(rate_hz, 0.5)) * 50
    pcm = convert(square.astype(np.float32), rate_hz)
    middle = convert(tone(rate_hz, 0.5), rate_hz)
    loud = np.abs(middle) > 8000
    assert np.all(np.sign(pcm[loud]) == np.sign(middle[loud]))
    assert np.abs(pcm[loud].astype(int)).min() > 25000


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
def test_what_is_no_number_does_no_harm(rate_hz: int) -> None:
    samples = tone(rate_hz, 0.5)
    samples[100:110] = np.nan
    samples[200], samples[201] = np.inf, -np.inf
    pcm = convert(samples, rate_hz)
    clean = convert(tone(rate_hz, 0.5), rate_hz)
    np.testing.assert_allclose(pcm[2000:], clean[2000:], atol=2)


def test_nothing_comes_to_nothing() -> None:
    assert len(Narrowband(8_000).finish()) == 0
    assert len(Narrowband(24_000).finish()) == 0


@pytest.mark.parametrize("length", [0, 1, 2, 3, 79, 80, 81, 8000])
def test_a_fade_touches_the_edges_alone(length: int) -> None:
    pcm = np.full(length, 10_000, np.int16)
    shaped = faded(pcm)
    assert shaped.shape == pcm.shape and shaped.dtype == np.int16
    np.testing.assert_array_equal(shaped[40:-40], pcm[40:-40])
    if length > 1:
        assert shaped[0] == shaped[-1] == 0


@pytest.mark.parametrize("length", [1, 100, 159, 161, 290])
def test_a_last_frame_that_is_not_full_falls_to_silence(length: int) -> None:
    pcm = np.full(length, 8000, np.int16)
    filled = np.asarray(filled_up(pcm))
    np.testing.assert_array_equal(filled[:length], pcm)
    assert -len(filled) // 160 == -length // 160
    fall = np.diff(filled[length - 1 :].astype(int))
    assert (fall <= 0).all()
    if -length % 160 >= 40:  # there is room for all of it
        assert filled[-1] == 0
        assert fall.min() >= -200


def test_a_full_last_frame_stays_as_it_is() -> None:
    pcm = np.full(320, 8000, np.int16)
    np.testing.assert_array_equal(filled_up(pcm), pcm)
