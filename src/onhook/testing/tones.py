"""Tones to put into a message, and finding them again in what was heard.

A message that is a tone has edges that can be measured: was it heard from its first sample to its
last? `find_tone` answers within a few milliseconds. `speech_like` tells whether somebody speaks.
"""

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from onhook.testing.g711 import RATE_HZ, Pcm

_FULL_SCALE = 32768.0
_WINDOW_MS = 20  # Hann: other tones must be 100 Hz away, and a stretch shorter than this is dim
_HOP_MS = 1
_CHUNK_HOPS = 4000  # bounds the memory that a long recording needs
_PURE = 0.9  # share of the window's energy at the frequency looked for
_FLOOR = 10 ** (-45 / 20)  # a tone quieter than -45 dBFS counts as absent


def tone(hz: float, ms: float, rate: int = RATE_HZ, level_dbfs: float = -9.0) -> Pcm:
    """Make a sine of `ms` milliseconds with its peak at `level_dbfs`, without any fade."""
    moments = np.arange(round(ms * rate / 1000)) / rate
    peak = 32767 * 10 ** (level_dbfs / 20)
    return np.round(peak * np.sin(2 * np.pi * hz * moments)).astype(np.int16)


def silence(ms: float, rate: int = RATE_HZ) -> Pcm:
    """Make `ms` milliseconds of zeros."""
    return np.zeros(round(ms * rate / 1000), dtype=np.int16)


def find_tone(
    pcm: Pcm, hz: float, rate: int = RATE_HZ, min_ms: float = 40.0
) -> tuple[float, float] | None:
    """Find the first stretch of a tone: its start and end in ms from the start of `pcm`.

    None when there is no stretch of at least `min_ms`. The edges are those of the sound itself,
    within 2 ms for a clean tone and 5 ms for a noisy one: a window that straddles an edge holds
    half the tone, so the edge is where the level crosses half of what it is inside. A dropout of
    10 ms or more ends the stretch; `find_tones` lists all of them. A drawn-out vowel holds tones of
    up to 200 ms below 400 Hz: beside speech, look for a higher one, or raise `min_ms`.
    """
    return next(iter(find_tones(pcm, hz, rate, min_ms)), None)


def find_tones(
    pcm: Pcm, hz: float, rate: int = RATE_HZ, min_ms: float = 40.0
) -> list[tuple[float, float]]:
    """Find every stretch of a tone, as (start, end) in ms, in order; see `find_tone`."""
    if not 0 < hz < rate / 2:
        raise ValueError(f"a tone at a rate of {rate} lies between 0 and {rate / 2} Hz")
    level, purity = _level_and_purity(pcm, hz, rate)
    stretches: list[tuple[float, float]] = []
    for first, last in _runs((purity >= _PURE) & (level >= _FLOOR)):
        half = float(np.median(level[first : last + 1])) / 2
        start, end = _widen(level, first, last, half)
        start_ms, end_ms = start * _HOP_MS, end * _HOP_MS
        start_ms, end_ms = max(0.0, start_ms), min(len(pcm) * 1000 / rate, end_ms)
        if stretches and start_ms <= stretches[-1][1]:  # both halves reached over one blemish
            start_ms = stretches.pop()[0]
        stretches.append((start_ms, end_ms))
    return [span for span in stretches if span[1] - span[0] >= min_ms]


def _level_and_purity(
    pcm: Pcm, hz: float, rate: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Measure, every millisecond, the amplitude at `hz` (1 is full scale) and its share of all."""
    size = round(rate * _WINDOW_MS / 1000)
    weights = np.hanning(size + 2)[1:-1]
    phases = weights * np.exp(-2j * np.pi * hz * np.arange(size) / rate)
    half = size // 2
    samples = np.concatenate([np.zeros(half), pcm / _FULL_SCALE, np.zeros(size)])
    centres = np.arange(0, len(pcm) + 1, rate * _HOP_MS / 1000).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)
    levels, purities = [np.zeros(0)], [np.zeros(0)]
    for at in range(0, len(centres), _CHUNK_HOPS):
        block = windows[centres[at : at + _CHUNK_HOPS]]
        amplitude = 2 * np.abs(block @ phases) / weights.sum()
        energy = (block**2) @ weights / weights.sum()
        levels.append(amplitude)
        purities.append(np.divide(amplitude**2 / 2, energy, where=energy > 1e-10, out=energy * 0))
    return np.concatenate(levels), np.concatenate(purities)


def _runs(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the first and last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    for first, behind in zip(edges[::2], edges[1::2], strict=True):
        yield int(first), int(behind) - 1


def _widen(
    level: npt.NDArray[np.float64], first: int, last: int, half: float
) -> tuple[float, float]:
    """Move both ends of a run outwards (or inwards) to where the level crosses `half`."""
    while first > 0 and level[first - 1] >= half:
        first -= 1
    while level[first] < half and first < last:
        first += 1
    while last < len(level) - 1 and level[last + 1] >= half:
        last += 1
    while level[last] < half and last > first:
        last -= 1
    return _crossing(level, first, -1, half), _crossing(level, last, +1, half)


def _crossing(level: npt.NDArray[np.float64], inside: int, step: int, half: float) -> float:
    """Place the crossing between the last point inside and its neighbour outside."""
    outside = inside + step
    if not 0 <= outside < len(level):
        return float(inside)
    rise = level[inside] - level[outside]
    return inside + step * float((level[inside] - half) / rise) if rise > 0 else float(inside)


@dataclass(frozen=True, slots=True)
class Speech:
    """What `speech_like` found in a piece of sound."""

    level_dbfs: float
    """RMS level of the sounding parts; -inf when nothing sounds."""
    sounding_s: float
    """Seconds louder than -50 dBFS, of whatever kind."""
    voiced_s: float
    """Seconds with a pitch between 70 and 400 Hz."""
    level_spread_db: float
    """How far the level moves: 5 dB and more in speech, near 0 in a steady tone."""

    def __bool__(self) -> bool:
        """Tell whether this is likely somebody speaking: voiced, and not at one steady level."""
        return self.voiced_s >= 0.15 and self.level_spread_db >= 2.0


_SPEECH_FRAME_MS = 40
_SPEECH_HOP_MS = 10
_SPEECH_FLOOR_DBFS = -50.0
_VOICED = 0.5  # of the autocorrelation at lag 0


def speech_like(pcm: Pcm, rate: int = RATE_HZ) -> Speech:
    """Measure how much of `pcm` sounds and how much of that is voiced; true if likely speech.

    Silence, hiss and steady tones come out false. What is said is not looked at.
    """
    size, hop = rate * _SPEECH_FRAME_MS // 1000, rate * _SPEECH_HOP_MS // 1000
    if len(pcm) < size:
        return Speech(float("-inf"), 0.0, 0.0, 0.0)
    frames = np.lib.stride_tricks.sliding_window_view(pcm, size)[::hop] / _FULL_SCALE
    power = np.mean(frames**2, axis=1)
    sounding = power > 10 ** (_SPEECH_FLOOR_DBFS / 10)
    if not sounding.any():
        return Speech(float("-inf"), 0.0, 0.0, 0.0)
    voiced = sum(_has_pitch(frame, rate) for frame in frames[sounding])
    levels_db = 10 * np.log10(power[sounding])
    return Speech(
        level_dbfs=float(10 * np.log10(np.mean(power[sounding]))),
        sounding_s=float(np.count_nonzero(sounding)) * _SPEECH_HOP_MS / 1000,
        voiced_s=voiced * _SPEECH_HOP_MS / 1000,
        level_spread_db=float(np.std(levels_db)),
    )


def _has_pitch(frame: npt.NDArray[np.float64], rate: int) -> bool:
    """Look for a period of 2.5 to 14 ms in the autocorrelation of one frame."""
    frame = frame - frame.mean()
    spectrum = np.fft.rfft(frame, 2 * len(frame))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(frame)]
    lags = slice(rate // 400, rate // 70)
    overlap = (len(frame) - np.arange(len(frame))[lags]) / len(frame)
    return bool(np.max(correlation[lags] / overlap, initial=0.0) > _VOICED * correlation[0])


def write_wav(path: str | PathLike[str], pcm: Pcm, rate: int = RATE_HZ) -> None:
    """Write samples as a 16-bit mono wav file; OSError passes through."""
    with wave.open(str(Path(path)), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
