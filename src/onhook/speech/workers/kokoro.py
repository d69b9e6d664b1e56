"""Kokoro in a process of its own; see `loop`.

    python -m onhook.speech.workers.kokoro VECTORS ALARM_S

VECTORS is the directory of the voices, NAME.bin each. A job is JSON:
`{"voice": "bf_emma", "phonemes": "..."}`.
It gives way to everything else on the machine: calls go before messages.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from onhook.speech.voices import Sound
from onhook.speech.workers.kokoro_model import model_parts
from onhook.speech.workers.loop import packed, refused, serve

_RATE_HZ: Final = 24_000
_PAD: Final = 0
_STYLE: Final = 256  # numbers a row; a voice has a row for each count of phonemes
_NICER: Final = 10

# The model's number of each phoneme: those of a run are consecutive.
_RUNS: Final = (
    (1, ";:,.!?"),
    (9, '—…"()“” ̃ʣʥʦʨᵝꭧAI'),
    (31, "O"),
    (33, "Q"),
    (35, "ST"),
    (39, "W"),
    (41, "Yᵊabcdef"),
    (50, "hijklmnopqrstuvwxyzɑɐɒæ"),
    (75, "βɔɕç"),
    (80, "ɖðʤə"),
    (85, "ɚɛɜ"),
    (90, "ɟ"),
    (92, "ɡ"),
    (99, "ɥ"),
    (101, "ɨɪʝ"),
    (110, "ɯɰŋɳɲɴø"),
    (118, "ɸθœ"),
    (123, "ɹ"),
    (125, "ɾɻ"),
    (128, "ʁɽʂʃʈʧ"),
    (135, "ʊʋ"),
    (138, "ʌɣɤ"),
    (142, "χʎ"),
    (147, "ʒʔ"),
    (156, "ˈˌː"),
    (162, "ʰ"),
    (164, "ʲ"),
    (169, "↓"),
    (171, "→↗↘"),
    (177, "ᵻ"),
)
_NUMBERS: Final = {
    phoneme: first + offset for first, run in _RUNS for offset, phoneme in enumerate(run)
}


def numbers(phonemes: str) -> list[int]:
    """What the model is given; phonemes that it does not know are left out."""
    return [_NUMBERS[phoneme] for phoneme in phonemes if phoneme in _NUMBERS]


def load(vectors: Path) -> Callable[[bytes], bytes]:
    """Load the model; what is returned answers a job. Raises `FileNotFoundError` without its packages."""
    import numpy as np
    import onnxruntime

    os.nice(_NICER)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan is kept for every length of sentence
    model = b"".join(part.read_bytes() for part in model_parts())
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    del model

    def answer(job: bytes) -> bytes:
        wish = json.loads(job)
        given = numbers(wish["phonemes"])
        if not given:
            return packed(Sound(np.zeros(0, np.float32), _RATE_HZ))
        styles = np.fromfile(vectors / f"{wish['voice']}.bin", np.float32).reshape(-1, _STYLE)
        if len(given) >= len(styles):
            return refused("more phonemes than the model takes")
        inputs = {
            "tokens": np.array([[_PAD, *given, _PAD]], np.int64),
            "style": styles[len(given)][None],
            "speed": np.ones(1, np.float32),
        }
        return packed(Sound(session.run(None, inputs)[0].reshape(-1), _RATE_HZ))

    return answer


if __name__ == "__main__":
    serve(lambda: load(Path(sys.argv[1])), float(sys.argv[2]))
