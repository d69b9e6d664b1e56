"""How loud prompts are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onhook.speech.level import MAX_GAIN_DB, PEAK_DBFS, TARGET_DBFS, active_level_dbfs, levelled
from onhook.speech.narrowband import Pcm


def sine(level_dbfs: float, seconds: float = 1.0) -> Pcm:
    """A tone whose level (not its peak) is `level_dbfs`."""
    peak = 32768 * np.sqrt(2) * 10 ** (level_dbfs / 20)
    time_s = np.arange(round(seconds * 8000)) / 8000
    wave: Pcm = np.rint(peak * np.cos(2 * np.pi * 1000 * time_s)).astype(np.int16)
    return wave


@pytest.mark.parametrize("level_dbfs", [-4.0, -12.0, -20.0, -28.0, -40.0])
def test_a_tone_has_the_level_that_it_has(level_dbfs: float) -> None:
    assert active_level_dbfs(sine(level_dbfs)) == pytest.approx(level_dbfs, abs=0.1)


@pytest.mark.parametrize("level_dbfs", [-9.0, -15.0, -24.0, -31.0])
def test_what_is_near_comes_to_the_target(level_dbfs: float) -> None:
    assert active_level_dbfs(levelled(sine(level_dbfs))) == pytest.approx(TARGET_DBFS, abs=0.1)


@pytest.mark.parametrize(("before", "after"), [(-4.0, -4 - MAX_GAIN_DB), (-40, -40 + MAX_GAIN_DB)])
def test_nothing_is_moved_by_more_than_the_limit(before: float, after: float) -> None:
    assert active_level_dbfs(levelled(sine(before))) == pytest.approx(after, abs=0.1)


def test_pauses_do_not_count() -> None:
    pause = np.zeros(8000 * 20, np.int16)
    broken = np.concatenate([sine(-26.0), pause, sine(-26.0), pause])
    assert active_level_dbfs(broken) == pytest.approx(-26.0, abs=0.3)


def test_hiss_in_the_pauses_does_not_count() -> None:
    hiss = np.random.default_rng(1).normal(0, 40, 8000 * 20).astype(np.int16)  # -58 dBFS
    assert active_level_dbfs(np.concatenate([sine(-26.0), hiss])) == pytest.approx(-26.0, abs=0.3)


def test_a_peak_ends_the_raising() -> None:
    pcm = np.concatenate([sine(-30.0), np.full(3, 20_000, np.int16)])
    peak_dbfs = 20 * np.log10(np.abs(levelled(pcm)).max() / 32768)
    assert peak_dbfs == pytest.approx(PEAK_DBFS, abs=0.01)


def test_a_peak_at_the_top_is_left_where_it_is() -> None:
    pcm = np.concatenate([sine(-30.0), np.array([32767, -32768], np.int16)])
    np.testing.assert_array_equal(levelled(pcm), pcm)


@pytest.mark.parametrize("pcm", [np.zeros(8000, np.int16), np.array([3], np.int16), sine(-20.2)])
def test_silence_and_what_is_right_stay_as_they_are(pcm: Pcm) -> None:
    np.testing.assert_array_equal(levelled(pcm), pcm)


def test_the_first_and_the_last_sample_are_kept() -> None:
    quiet = sine(-30.0, 1.0001)
    loud = levelled(quiet)
    assert len(loud) == len(quiet)
    ratios = loud[[0, -1]] / quiet[[0, -1]]
    np.testing.assert_allclose(ratios, 10 ** (10 / 20), rtol=0.01)


def test_a_long_recording_is_raised_alike_everywhere() -> None:
    pcm = sine(-30.0, 200.0)  # more than is looked at at a time
    loud = levelled(pcm)
    assert active_level_dbfs(loud[:8000]) == pytest.approx(active_level_dbfs(loud[-8000:]), abs=0.1)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=700), st.integers(1, 64))
def test_no_sound_is_clipped_or_turned_over(values: list[int], divisor: int) -> None:
    pcm = (np.array(values) // divisor).astype(np.int16)
    loud = levelled(pcm)
    assert loud.dtype == np.int16 and loud.shape == pcm.shape
    gain = max(np.abs(loud.astype(float)).max(), 1) / max(np.abs(pcm.astype(float)).max(), 1)
    np.testing.assert_allclose(loud, pcm * gain, atol=1 + gain)
