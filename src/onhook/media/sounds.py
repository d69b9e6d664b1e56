"""Sounds made by arithmetic: ring back, a beep, music on hold.

All are quiet enough to be listened to (about -20 dB of full scale) and end where they begin, so
that `Stream.loop()` repeats them without a click. One is computed, and numpy imported, when it is first
played: who wants to know how long it is need not wait for that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from math import ceil
from typing import TYPE_CHECKING, Final

from onhook.media.frame_file import FrameFile, coded
from onhook.media.g711 import FRAME_BYTES, FRAME_MS, SAMPLE_RATE, Codec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FULL_SCALE = 32767
_EDGE_S = 0.005  # a tone fades in and out, so that it does not click


class Sound:
    """A wave that can be played (`play_queue.Playable`); the last frame is filled up with silence."""

    first: Final = 0

    def __init__(self, duration_s: float, wave: "Callable[[], NDArray[np.float64]]") -> None:
        """``wave`` computes so long a one, of which 1 is the full scale."""
        self.frame_count: Final = ceil(round(duration_s * SAMPLE_RATE) / FRAME_BYTES)
        self._wave = wave

    @cached_property
    def file(self) -> FrameFile:
        """Its frames, in memory."""
        import numpy as np

        return FrameFile.of(*coded(np.round(self._wave() * _FULL_SCALE).astype(np.int16)))

    @property
    def duration_ms(self) -> int:
        """How long it lasts, in whole frames."""
        return self.frame_count * FRAME_MS

    def frames(self, codec: Codec) -> memoryview:
        """All frames in one law; read-only bytes."""
        return self.file.read(codec)


@dataclass(frozen=True, slots=True)
class Cadence:
    """How a network rings back: frequencies, and seconds of tone and silence in turn."""

    tones_hz: tuple[float, ...]
    beats_s: tuple[tuple[float, float], ...]
    modulated_hz: float = 0
    """How often a second the tone swells, where it does."""


# ITU-T E.180 supplement 2: 425 Hz, modulated by 24 Hz
SINGAPORE = Cadence((425,), ((0.4, 0.2), (0.4, 2.0)), modulated_hz=24)


@cache
def ringback(cadence: Cadence = SINGAPORE) -> Sound:
    """One cycle of what a caller hears while the other phone rings, to be looped."""
    return Sound(sum(map(sum, cadence.beats_s)), partial(_ringback, cadence))


def _ringback(cadence: Cadence) -> "NDArray[np.float64]":
    import numpy as np

    parts = []
    for on_s, off_s in cadence.beats_s:
        tone = _tone(cadence.tones_hz, on_s, amplitude=0.16)
        if cadence.modulated_hz:
            time_s = np.arange(len(tone)) / SAMPLE_RATE
            tone *= 0.65 + 0.35 * np.sin(2 * np.pi * cadence.modulated_hz * time_s)
        parts += [tone, np.zeros(round(off_s * SAMPLE_RATE))]
    return np.concatenate(parts)


@cache
def beep() -> Sound:
    """The tone after which one speaks: 1 kHz for 200 ms."""
    return Sound(0.2, partial(_tone, (1000,), 0.2, amplitude=0.25))


# Four chords of an octave's range, as semitones above the A of 220 Hz: C, A minor, F, G.
_CHORDS = ((3, 7, 10, 15), (0, 3, 7, 12), (-4, 3, 8, 12), (-2, 5, 10, 14))
_ARPEGGIO = (0, 1, 2, 3, 2, 1, 2, 1)
_NOTE_S = 0.4
_NOTE_RINGS_S = 1.6


@cache
def hold_music() -> Sound:
    """13 s of slow plucked chords, to be looped: what still rings at the end is heard at the beginning."""
    return Sound(len(_CHORDS) * len(_ARPEGGIO) * _NOTE_S, _hold_music)


def _hold_music() -> "NDArray[np.float64]":
    import numpy as np

    notes = [chord[place] for chord in _CHORDS for place in _ARPEGGIO]
    step = round(_NOTE_S * SAMPLE_RATE)
    music = np.zeros(len(notes) * step)
    for number, semitones in enumerate(notes):
        note = _pluck(220 * 2 ** (semitones / 12))
        places = (number * step + np.arange(len(note))) % len(music)
        music[places] += note
    for number, chord in enumerate(_CHORDS):
        bass = _pluck(110 * 2 ** (chord[0] / 12))
        places = (number * len(_ARPEGGIO) * step + np.arange(len(bass))) % len(music)
        music[places] += bass
    quiet: NDArray[np.float64] = music * 0.2 / np.abs(music).max()
    return quiet


def _pluck(hz: float) -> "NDArray[np.float64]":
    """A string's note: it is there at once and dies away, its overtones sooner."""
    import numpy as np

    time_s = np.arange(round(_NOTE_RINGS_S * SAMPLE_RATE)) / SAMPLE_RATE
    wave = np.zeros(len(time_s))
    for overtone, level in enumerate((1.0, 0.35, 0.15, 0.06), start=1):
        wave += (
            level * np.sin(2 * np.pi * hz * overtone * time_s) * np.exp(-2.5 * overtone * time_s)
        )
    return wave * _edges(len(wave))


def _tone(
    tones_hz: Sequence[float], duration_s: float, *, amplitude: float
) -> "NDArray[np.float64]":
    """Several sines of the same level, whose sum has no more than this amplitude."""
    import numpy as np

    time_s = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    waves = [np.sin(2 * np.pi * hz * time_s) for hz in tones_hz]
    tone: NDArray[np.float64] = np.mean(waves, axis=0) * amplitude * _edges(len(time_s))
    return tone


def _edges(count: int) -> "NDArray[np.float64]":
    """One, but for a quarter of a sine at both ends."""
    import numpy as np

    edge = np.sin(np.linspace(0, np.pi / 2, round(_EDGE_S * SAMPLE_RATE)))
    shape = np.ones(count)
    shape[: len(edge)] = edge
    shape[-len(edge) :] = edge[::-1]
    return shape
