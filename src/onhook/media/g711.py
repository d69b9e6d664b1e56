"""G.711: 16-bit samples to bytes and back, by table, for whole arrays at once.

Both laws are what ITU-T G.191 (and so `audioop`) computes; a test compares all 65,536 codes.
numpy is imported when the first table is made, not with this module, which a start-up loads.
"""

from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 8000
"""Samples a second, of both laws."""

FRAME_BYTES = 160
"""One frame: 20 ms, a byte a sample."""

FRAME_MS = 20
"""What one frame lasts."""

_ULAW_BIAS = 33
_ULAW_TOP = 8191  # of the biased magnitude


class Codec(IntEnum):
    """A law, by its static RTP payload type (RFC 3551 section 6)."""

    PCMU = 0
    PCMA = 8

    @property
    def silence(self) -> int:
        """The byte that is the sample 0."""
        return 0xFF if self is Codec.PCMU else 0xD5


def encode(pcm: "NDArray[np.int16]", codec: Codec) -> "NDArray[np.uint8]":
    """Encode samples; the result has the shape of `pcm`. Raises `TypeError` unless int16."""
    import numpy as np

    if pcm.dtype != np.int16:
        raise TypeError(f"samples are int16, not {pcm.dtype}")
    return _encode_table(codec)[pcm.view(np.uint16)]


def decode(coded: "NDArray[np.uint8]", codec: Codec) -> "NDArray[np.int16]":
    """Decode bytes; the result has the shape of `coded`. Raises `TypeError` unless uint8."""
    import numpy as np

    if coded.dtype != np.uint8:
        raise TypeError(f"coded audio is uint8, not {coded.dtype}")
    return _decode_table(codec)[coded]


@cache
def _encode_table(codec: Codec) -> "NDArray[np.uint8]":
    """The byte for each sample, at the sample's two's complement."""
    import numpy as np

    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    table = _encode_ulaw(samples) if codec is Codec.PCMU else _encode_alaw(samples)
    return table.astype(np.uint8)


@cache
def _decode_table(codec: Codec) -> "NDArray[np.int16]":
    import numpy as np

    codes = np.arange(256, dtype=np.int32)
    table = _decode_ulaw(codes) if codec is Codec.PCMU else _decode_alaw(codes)
    return table.astype(np.int16)


def _encode_ulaw(samples: "NDArray[np.int32]") -> "NDArray[np.int32]":
    import numpy as np

    linear = samples >> 2  # 14 bits
    mask = np.where(linear < 0, 0x7F, 0xFF)
    biased = np.minimum(np.abs(linear) + _ULAW_BIAS, _ULAW_TOP)
    segment = np.searchsorted(0x40 << np.arange(8), biased, side="right").astype(np.int32)
    coded: NDArray[np.int32] = ((segment << 4) | ((biased >> (segment + 1)) & 0x0F)) ^ mask
    return coded


def _encode_alaw(samples: "NDArray[np.int32]") -> "NDArray[np.int32]":
    import numpy as np

    linear = samples >> 3  # 13 bits
    mask = np.where(linear < 0, 0x55, 0xD5)
    magnitude = np.where(linear < 0, -linear - 1, linear)
    segment = np.searchsorted(0x20 << np.arange(8), magnitude, side="right").astype(np.int32)
    coded: NDArray[np.int32] = (
        (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    ) ^ mask
    return coded


def _decode_ulaw(codes: "NDArray[np.int32]") -> "NDArray[np.int32]":
    import numpy as np

    plain = ~codes & 0xFF
    magnitude = ((((plain & 0x0F) << 3) + (_ULAW_BIAS << 2)) << ((plain & 0x70) >> 4)) - (
        _ULAW_BIAS << 2
    )
    return np.where(plain & 0x80, -magnitude, magnitude)


def _decode_alaw(codes: "NDArray[np.int32]") -> "NDArray[np.int32]":
    import numpy as np

    plain = codes ^ 0x55
    segment = (plain & 0x70) >> 4
    step = ((plain & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, step, (step + 0x100) << np.maximum(segment - 1, 0))
    return np.where(plain & 0x80, magnitude, -magnitude)
