"""Any sound as the telephone carries it: 8000 samples a second, one channel, 16 bits."""

import sys
from array import array
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from onhook.speech.voices import Samples

if TYPE_CHECKING:  # at run time numpy is imported where it computes: the process is ready sooner
    import numpy as np
    import numpy.typing as npt

RATE_HZ: Final = 8000
"""Samples a second of everything that becomes a prompt."""

FRAME_SAMPLES: Final = RATE_HZ // 50
"""Prompts are whole frames of 20 ms."""

FADE_MS: Final = 5
"""How long a fade at an edge takes."""

Pcm: TypeAlias = "npt.NDArray[np.int16]"
"""One channel at `RATE_HZ`, shape (n,), the full range of 16 bits."""


PcmBuffer: TypeAlias = "Pcm | memoryview"
"""The same, however it is held: numpy is not loaded where nothing is computed."""


def little_endian(pcm: memoryview) -> memoryview:
    """Samples as they are on every machine; turned round where that is another order. Its own inverse."""
    if sys.byteorder == "little":
        return pcm
    turned = array("h", pcm)
    turned.byteswap()
    return memoryview(turned)


class Narrowband:
    """A converter that is fed a sound in chunks. Holds one chunk, however long the sound is.

    At 8000 Hz samples pass as they are; from another rate they are low-passed and resampled. The
    filter's delay is taken out, so that the first sample and the last one are both kept.
    """

    def __init__(self, rate_hz: int) -> None:
        self._stream: Any = None
        self._pcm: list[Pcm] = []
        if rate_hz != RATE_HZ:
            import soxr  # here, because the process is ready sooner without it

            self._stream = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")

    def feed(self, samples: Samples) -> None:
        """Add the next chunk. What is no number is silence, what is too loud is clipped."""
        import numpy as np

        sound = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)
        self._keep(sound if self._stream is None else self._stream.resample_chunk(sound))

    def take(self) -> Pcm:
        """What has come out since it was last asked for."""
        import numpy as np

        taken, self._pcm = self._pcm, []
        return np.concatenate(taken) if taken else np.zeros(0, np.int16)

    def finish(self) -> Pcm:
        """All of it, or what was not taken yet."""
        import numpy as np

        if self._stream is not None:
            self._keep(self._stream.resample_chunk(np.zeros(0, np.float32), last=True))
        return self.take()

    def _keep(self, sound: Samples) -> None:
        import numpy as np

        # 32768, so that 16-bit samples come out as they went in.
        self._pcm.append(np.clip(np.rint(sound * 32768.0), -32768, 32767).astype(np.int16))


def filled_up(pcm: PcmBuffer) -> memoryview:
    """`pcm` and, if its last frame is not full, a fall to silence from its last sample.

    A step down to the silence that fills the frame would be heard as a click.
    """
    samples = memoryview(cast("memoryview", pcm))  # mypy knows of no buffer in an array
    room = -len(samples) % FRAME_SAMPLES
    steps = min(room, FADE_MS * RATE_HZ // 1000)
    if not steps:
        return samples
    last = float(samples[-1])
    fall = array("h", [round(step * (1 / steps) * last) for step in reversed(range(steps))])
    return memoryview(samples.tobytes() + fall.tobytes()).cast("h")


def faded(pcm: Pcm, *, begins: bool = True, ends: bool = True) -> Pcm:
    """`pcm` with its first and last `FADE_MS` rising from and falling to silence.

    For synthesised speech, which may begin and end with a step that is heard as a click. A
    recording is never faded: all of it is the customer's.
    """
    import numpy as np

    length = min(FADE_MS * RATE_HZ // 1000, len(pcm) // 2)
    if length == 0:
        return pcm
    ramp = np.linspace(0.0, 1.0, length, endpoint=False, dtype=np.float32)
    shaped = pcm.astype(np.float32)
    if begins:
        shaped[:length] *= ramp
    if ends:
        shaped[-length:] *= ramp[::-1]
    return np.rint(shaped).astype(np.int16)
