"""Open JTalk in a process of its own; see `loop`.

    python -m onhook.speech.workers.japanese ALARM_S

A job is JSON: `{"speak": "..."}`, answered with sound, or `{"kana": "..."}`, answered with the text as it is
pronounced, in katakana. Its library is C that reads strangers' text, and takes 200 MB.
"""

import json
import sys
from collections.abc import Callable

from onhook.speech.voices import Sound
from onhook.speech.workers.loop import packed, refused, serve

_HALF_TONES = -5
"""The voice as it comes speaks at 310 Hz and above, as a girl does; this makes it 250."""

_FULL_SCALE = 32768
_LOUDEST = 4 * _FULL_SCALE
"""The synthesis filter is not stable for every text: beyond this it is no speech."""


def load() -> Callable[[bytes], bytes]:
    """Read the dictionary; what is returned answers a job. Raises `ImportError` without the extra."""
    import numpy as np
    import pyopenjtalk

    pyopenjtalk.g2p("日本語", kana=True)  # the dictionary is read by the first text

    def answer(job: bytes) -> bytes:
        wish = json.loads(job)
        if "kana" in wish:
            return b"+" + str(pyopenjtalk.g2p(wish["kana"], kana=True)).encode(errors="replace")
        samples, rate_hz = pyopenjtalk.tts(wish["speak"], half_tone=_HALF_TONES)
        if len(samples) and not np.abs(samples).max() < _LOUDEST:
            return refused("the synthesis filter became unstable")
        return packed(Sound((samples / _FULL_SCALE).astype(np.float32), int(rate_hz)))

    return answer


if __name__ == "__main__":
    serve(load, float(sys.argv[1]))
