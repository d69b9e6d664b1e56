"""`python -m onhook.console.drawings.peaks FILE`: prints, as JSON, how loud 150 equal parts of an mp3 are."""

import json
import sys

import numpy as np
import soundfile

_PARTS = 150
_BLOCK = 65_536


def peaks(path: str) -> list[float]:
    """From 0 to 1. Raises soundfile.SoundFileError, and OSError."""
    loudest = []
    with soundfile.SoundFile(path) as file:
        for block in file.blocks(_BLOCK // 16, dtype="float32", always_2d=True):
            loudest.append(float(np.abs(block).max(initial=0.0)))
    if not loudest:
        return []
    parts = np.array_split(np.array(loudest), min(_PARTS, len(loudest)))
    return [round(float(part.max()), 3) for part in parts]


if __name__ == "__main__":
    print(json.dumps(peaks(sys.argv[1])))
