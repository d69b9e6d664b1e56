"""From two channels to one without losing what only one of them, or their difference, has."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

from onhook.speech.voices import Samples

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BLOCK_S: Final = 0.05
"""How long channels stay in phase or in antiphase before it counts."""

_OUT: Final = (
    6.3  # 8 dB: so much stronger is the difference of the channels, where their sum is no mix
)
_IN: Final = 1.0  # and no stronger than the sum where it is one again
_SILENCE: Final = 1e-9  # power of what tells nothing of phases
_RAMP: Final = 0.1  # of a block

_TAIL_S: Final = 0.05
_ODD: Final = 64  # samples at the end that may be none
_STEP: Final = 0.2  # of full scale: nobody ends a recording with less of a click
_STEEPER: Final = 4  # times as steep as anything before it


class Source(Protocol):
    """What is decoded, chunk by chunk."""

    rate_hz: int
    channels: int

    def read(self) -> Samples:
        """The next frames, shape (n, channels); empty at the end."""


def mixed(source: Source) -> Iterator[Samples]:
    """One channel of `source`, chunk by chunk.

    It is the mean of two. Where that would cancel out, since one of them was wired the wrong way
    round (a balanced line, a pair of microphones), it is half their difference: what both hold.
    """
    mixer = _Mixer(source.rate_hz)
    while len(frames := source.read()):
        yield frames[:, 0] if source.channels == 1 else mixer.mix(frames)


class _Mixer:
    """Knows whether the channels are in antiphase at the moment."""

    def __init__(self, rate_hz: int) -> None:
        self._block = max(1, round(rate_hz * _BLOCK_S))
        self._out: bool | None = None

    def mix(self, frames: Samples) -> Samples:
        """One channel, shape (n,), of the next chunk."""
        import numpy as np

        with np.errstate(all="ignore"):  # floats in a file may be infinite, and opposite
            mean: Samples = frames.mean(axis=1, dtype=np.float32)
            difference = (frames[:, 0] - frames[:, 1]) * np.float32(0.5)
            was = self._out
            turns = self._turns(mean, difference)
            if not was and not any(turns):
                return mean  # as nearly everywhere
            share = self._share(turns, was, len(mean))
            crossed = np.where(share == 0, mean, mean * (1 - share) + difference * share)
            heard: Samples = np.where(share == 1, difference, crossed)
            return heard

    def _turns(self, mean: Samples, difference: Samples) -> list[bool]:
        """Of each block whether it is in antiphase."""
        turns = []
        for sum_power, power in zip(self._powers(mean), self._powers(difference), strict=True):
            if power > max(_OUT * sum_power, _SILENCE):
                self._out = True
            elif max(_IN * sum_power, _SILENCE) > power and sum_power > _SILENCE:
                self._out = False
            turns.append(bool(self._out))
        return turns

    def _powers(self, samples: Samples) -> "npt.NDArray[np.float64]":
        import numpy as np

        starts = np.arange(0, len(samples), self._block)
        sums = np.add.reduceat(samples.astype(np.float64) ** 2, starts)
        return sums / np.diff(np.append(starts, len(samples)))

    def _share(self, turns: list[bool], was: bool | None, length: int) -> Samples:
        """How much of the difference is heard, sample by sample: a short ramp where that changes."""
        import numpy as np

        before = [turns[0] if was is None else was, *turns[:-1]]
        starts = np.arange(len(turns)) * self._block
        places = np.stack([starts, starts + self._block * _RAMP], axis=1).ravel()
        shares = np.stack([before, turns], axis=1).ravel().astype(np.float32)
        return np.interp(np.arange(length), places, shares).astype(np.float32)


def without_odd_end(sound: Iterator[Samples], rate_hz: int) -> Iterator[Samples]:
    """`sound` without a few last samples that are none: sizes or a checksum behind it, a loud click.

    They begin with a step that is far steeper than anything in the 50 ms before them.
    """
    import numpy as np

    held = np.zeros(0, np.float32)
    tail = round(_TAIL_S * rate_hz) + _ODD
    for samples in sound:
        held = np.concatenate([held, samples])
        if len(held) > tail:
            yield held[:-tail]
            held = held[-tail:]
    if len(held):
        yield held[: _odd_from(held)]


def _odd_from(tail: Samples) -> int:
    import numpy as np

    steps = np.abs(np.diff(np.nan_to_num(tail)))
    first = max(len(steps) - _ODD, len(steps) // 2)
    usual = float(steps[:first].max(initial=0.0))
    odd = np.flatnonzero(steps[first:] > max(_STEP, _STEEPER * usual))
    return first + int(odd[0]) + 1 if len(odd) else len(tail)
