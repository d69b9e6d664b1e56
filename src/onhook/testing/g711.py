"""G.711 by table, written from the Recommendation for the test phone alone.

The product has its own G.711. This one shares nothing with it: a defect on both sides of a call
would hide itself. Decoding follows ITU-T G.711 tables 1a and 2a (expanded to 16 bits); encoding
takes the nearest value that decoding can yield.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Pcm: TypeAlias = npt.NDArray[np.int16]
"""Linear samples, 16 bits, one channel; 8000 a second unless a rate stands beside them."""

RATE_HZ = 8000
SILENCE = {"PCMU": 0xFF, "PCMA": 0xD5}
"""The code of a zero sample in each law."""


def _expand_mu_law(code: int) -> int:
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _expand_a_law(code: int) -> int:
    code ^= 0x55
    segment, step = (code >> 4) & 7, (code & 0x0F) << 4
    magnitude = step + 8 if segment == 0 else (step + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


def _compress(expanded: Pcm) -> npt.NDArray[np.uint8]:
    """Tabulate the code nearest to each of the 65536 samples, indexed by the sample as uint16."""
    order = np.argsort(expanded, kind="stable")
    levels = expanded[order].astype(np.int32)
    samples = np.arange(-32768, 32768, dtype=np.int32)
    above = np.clip(np.searchsorted(levels, samples), 1, len(levels) - 1)
    nearer_below = samples - levels[above - 1] <= levels[above] - samples
    codes = order[np.where(nearer_below, above - 1, above)].astype(np.uint8)
    return np.roll(codes, -32768)  # sample 0 first, -32768 in the middle, -1 last


_EXPANDED: dict[str, Pcm] = {
    "PCMU": np.array([_expand_mu_law(code) for code in range(256)], dtype=np.int16),
    "PCMA": np.array([_expand_a_law(code) for code in range(256)], dtype=np.int16),
}
_COMPRESSED = {law: _compress(expanded) for law, expanded in _EXPANDED.items()}
for _law, _code in SILENCE.items():  # two codes are as near to zero; phones send this one
    _COMPRESSED[_law][0] = _code


def decode(law: str, payload: bytes) -> Pcm:
    """Expand the payload of one packet; `law` is "PCMU" or "PCMA" (KeyError otherwise)."""
    return _EXPANDED[law][np.frombuffer(payload, dtype=np.uint8)]


def encode(law: str, pcm: Pcm) -> bytes:
    """Compress samples into as many bytes; `law` is "PCMU" or "PCMA" (KeyError otherwise)."""
    return _COMPRESSED[law][np.asarray(pcm, dtype=np.int16).view(np.uint16)].tobytes()
