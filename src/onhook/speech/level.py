"""One loudness for everything that is heard: a voice and a recording after it are equally loud.

The level is that of the parts that sound, much as ITU-T P.56 and EBU R 128 measure it: frames below
an absolute gate are silence, and frames far below the rest are pauses. The gain is one number for the
whole prompt, so that its shape stays what it was, from the first sample to the last.
"""

import math
from typing import Final

from onhook.speech.narrowband import RATE_HZ, Pcm

TARGET_DBFS: Final = -20.0
"""Level of the sounding parts (0 is a square wave of full scale)."""

MAX_GAIN_DB: Final = 12.0
"""A prompt is never raised or lowered by more."""

PEAK_DBFS: Final = -1.0
"""Raising ends where the highest peak gets here."""

_FRAME: Final = RATE_HZ // 50
_BLOCK: Final = _FRAME * 4096  # samples at a time: bounds the memory that a long recording takes
_SILENCE_DBFS: Final = -55.0
_PAUSE_DB: Final = 15.0  # below the level of what is not silence
_CLOSE_ENOUGH_DB: Final = 0.5  # nobody hears it, and samples stay what they were
_FULL_SCALE: Final = 32768.0


def active_level_dbfs(pcm: Pcm) -> float:
    """Level of the parts of `pcm` that sound; minus infinity when none does."""
    import numpy as np

    powers = []
    for start in range(0, len(pcm), _BLOCK):
        block = pcm[start : start + _BLOCK].astype(np.float32) / np.float32(_FULL_SCALE)
        block.resize(-(-len(block) // _FRAME) * _FRAME, refcheck=False)  # filled up with silence
        powers.append(np.mean(block.reshape(-1, _FRAME) ** 2, axis=1, dtype=np.float64))
    power = np.concatenate(powers) if powers else np.zeros(0)
    sounding = power[power > _power(_SILENCE_DBFS)]
    if not len(sounding):
        return -math.inf
    speaking = sounding[sounding > np.mean(sounding) * _power(-_PAUSE_DB)]
    return 10 * math.log10(np.mean(speaking))


def levelled(pcm: Pcm) -> Pcm:
    """`pcm` at `TARGET_DBFS`, or as near to it as `MAX_GAIN_DB` and `PEAK_DBFS` let it come.

    Never clips. Silence, and what is close to the target already, is returned as it is.
    """
    return amplified(pcm, gain_db(pcm))


def amplified(pcm: Pcm, gain_db: float) -> Pcm:
    """`pcm` raised or lowered, but raised only as far as `PEAK_DBFS`."""
    import numpy as np

    gain_db = min(gain_db, _headroom_db(pcm))
    if abs(gain_db) < _CLOSE_ENOUGH_DB:
        return pcm
    gain = np.float32(10 ** (gain_db / 20))
    shaped = np.empty_like(pcm)
    for start in range(0, len(pcm), _BLOCK):
        block = slice(start, start + _BLOCK)
        shaped[block] = np.rint(pcm[block].astype(np.float32) * gain)
    return shaped


def gain_db(pcm: Pcm) -> float:
    """What brings `pcm` to `TARGET_DBFS`, within `MAX_GAIN_DB`; nothing for silence."""
    level_dbfs = active_level_dbfs(pcm)
    if level_dbfs == -math.inf:
        return 0.0
    return max(-MAX_GAIN_DB, min(MAX_GAIN_DB, TARGET_DBFS - level_dbfs))


def _headroom_db(pcm: Pcm) -> float:
    """How far `pcm` may be raised."""
    peak = max(-int(pcm.min()), int(pcm.max())) if len(pcm) else 0
    return max(0.0, PEAK_DBFS - 20 * math.log10(peak / _FULL_SCALE)) if peak else math.inf


def _power(level_db: float) -> float:
    return float(10 ** (level_db / 10))
