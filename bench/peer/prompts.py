"""What Asterisk plays in place of spoken messages: a sound like speech, in G.711 mu-law as it is sent."""

import math
from pathlib import Path

RATE_HZ = 8000
SECOND, TWO_MINUTES = "second", "two-minutes"
_LENGTHS_S = {SECOND: 1.1, TWO_MINUTES: 120.0}
"""As long as the messages of Onhook's application."""
_ONCE_S = 5.0
"""After which it repeats itself."""
_LOUD = 5500
_BIAS, _CLIP = 0x84, 32635


def write(folder: Path) -> None:
    """A file for each."""
    once = bytes(map(encoded, _samples(_ONCE_S)))
    for name, length_s in _LENGTHS_S.items():
        count = round(length_s * RATE_HZ)
        (folder / f"{name}.ulaw").write_bytes((once * (count // len(once) + 1))[:count])


def encoded(sample: int) -> int:
    """A sample of 16 bits by the mu-law (ITU-T G.711)."""
    sign = 0x80 if sample < 0 else 0
    size = min(abs(sample), _CLIP) + _BIAS
    exponent = size.bit_length() - 8
    return ~(sign | exponent << 4 | size >> (exponent + 3) & 0x0F) & 0xFF


def _samples(length_s: float) -> list[int]:
    found = []
    for number in range(round(length_s * RATE_HZ)):
        at_s = number / RATE_HZ
        loudness = 0.5 * (
            1 - math.cos(2 * math.pi * 3.5 * at_s)
        )  # three and a half syllables a second
        pitch_hz = 140 + 25 * math.sin(2 * math.pi * 0.7 * at_s)
        voice = sum(math.sin(2 * math.pi * pitch_hz * k * at_s) / k for k in (1, 2, 3, 5, 8))
        found.append(int(_LOUD * loudness * voice))
    return found
