"""Open JTalk in a process of its own; see `loop`.

    python -m onhook.speech.workers.japanese ALARM_S

A job is JSON: `{"speak": "..."}`, answered with sound, `{"kana": "..."}`, answered with the text as it is
pronounced, in katakana, or `{"words": "..."}`, answered with the same word by word, in JSON. Its library is C
that reads strangers' text, and takes 200 MB.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence

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
        if "words" in wish:
            return b"+" + json.dumps(_words(pyopenjtalk.run_frontend(wish["words"]))).encode()
        samples, rate_hz = pyopenjtalk.tts(wish["speak"], half_tone=_HALF_TONES)
        if len(samples) and not np.abs(samples).max() < _LOUDEST:
            return refused("the synthesis filter became unstable")
        return packed(Sound((samples / _FULL_SCALE).astype(np.float32), int(rate_hz)))

    return answer


def _words(nodes: Sequence[Mapping[str, object]]) -> list[str]:
    """How each word is pronounced; what leans on the word before it is part of that one."""
    found: list[str] = []
    for node in nodes:
        if node["pos"] == "記号":
            found.append(str(node["string"]))
            continue
        sound = (
            str(node["pron"]).replace("’", "").replace("'", "")
        )  # marks of vowels that are not voiced
        leans = node["pos"] == "助動詞" or node["pos_group1"] == "接尾"
        if leans and found and found[-1].isalpha():
            found[-1] += sound
        else:
            found.append(sound)
    return found


if __name__ == "__main__":
    serve(load, float(sys.argv[1]))
