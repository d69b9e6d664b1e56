"""Sounds that are made by arithmetic."""

import numpy as np
import pytest
from numpy.typing import NDArray

from media.rtp_peer import FRAME_BYTES
from media.tones import amplitude, heard
from onhook.media import Codec, Sound, sounds
from onhook.media.g711 import decode

LOUDEST = 0.45 * 32768


def pcm(sound: Sound, codec: Codec = Codec.PCMU) -> NDArray[np.int16]:
    return decode(np.frombuffer(sound.frames(codec), np.uint8), codec)


ALL = {
    "ringback": sounds.ringback(),
    "beep": sounds.beep(),
    "hold_music": sounds.hold_music(),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("codec", Codec)
def test_whole_frames_neither_loud_nor_clicking(name: str, codec: Codec) -> None:
    sound = ALL[name]
    wave = pcm(sound, codec).astype(int)
    assert len(sound.frames(codec)) % FRAME_BYTES == 0
    assert len(wave) == sound.duration_ms * 8
    assert 1000 < np.abs(wave).max() < LOUDEST
    around = np.concatenate([wave, wave])
    # nowhere, and not from the end to the beginning, more than a tone of 1.7 kHz could do
    assert np.abs(np.diff(around)).max() < 1.3 * np.abs(wave).max()
    assert np.abs(around[len(wave) - 1] - around[len(wave)]) < 700


@pytest.mark.parametrize(
    ("cadence", "seconds"),
    [
        (sounds.SINGAPORE, 3.0),
        (sounds.Cadence((425,), ((1.0, 4.0),)), 5.0),  # Europe
        (sounds.Cadence((440, 480), ((2.0, 4.0),)), 6.0),  # United States
    ],
)
def test_ring_back_keeps_its_cadence(cadence: sounds.Cadence, seconds: float) -> None:
    wave = pcm(sounds.ringback(cadence))
    assert len(wave) == seconds * 8000
    at = 0
    for on_s, off_s in cadence.beats_s:
        on, off = round(on_s * 8000), round(off_s * 8000)
        tone = wave[at : at + on]
        assert heard(tone, [*cadence.tones_hz, 700.0, 1000.0]) == set(cadence.tones_hz)
        assert not wave[at + on : at + on + off].any()
        at += on + off


def test_music_never_stops_and_never_jumps() -> None:
    wave = pcm(sounds.hold_music()).astype(float)
    seconds = wave[: len(wave) // 8000 * 8000].reshape(-1, 8000)
    loudness = np.sqrt((seconds**2).mean(axis=1))
    assert loudness.min() > 300
    assert loudness.max() < 4 * loudness.min()
    assert amplitude(pcm(sounds.beep()), 1000) > 1000
