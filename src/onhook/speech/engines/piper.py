"""Voices of the kind that Piper made common: a neural model that is given phonemes of the IPA.

The phonemes come from the formant engine's worker, so nothing under the GPL is loaded here.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol

from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.onnx import OnnxModel
from onhook.speech.engines.phonetics import phonetic_sentences
from onhook.speech.engines.pieces import pieces
from onhook.speech.scripts import require_readable
from onhook.speech.voices import Gender, Samples, Sound

if TYPE_CHECKING:
    import numpy.typing as npt

_RECIPE: Final = 1  # raise it when this module changes how an equal text sounds
_MAX_PHONEMES: Final = 200  # memory grows with what is given at once

_START, _END, _PAD = "^", "$", "_"
Symbols = Mapping[str, Sequence[int]]
"""The numbers of each phoneme."""


class Model(Protocol):
    """The neural model of a voice. May be asked from several threads at once."""

    def symbols(self) -> Symbols:
        """The numbers of each phoneme that it knows, and of its marks for start, end and padding."""

    def sound(self, numbers: Sequence[int]) -> Samples:
        """Sound of phonemes, at the rate of the voice."""


@dataclass(frozen=True, slots=True)
class PiperSpeaker:
    """What is known of a voice before its model is loaded.

    `phonemes_voice` is the formant engine's exact id of the language that the model was trained
    with, `scripts` are those that it reads.
    """

    engine: str
    name: str
    version: str
    language: str
    gender: Gender
    quality: str
    rate_hz: int
    phonemes_voice: str
    scripts: tuple[str, ...]
    licence: str = "unknown"


class PiperVoice:
    """One such model (a `Voice`). It is loaded when first used, once.

    It is not loaded ahead: that is half a second and a hundred megabytes, which a server without
    messages for it need not spend. Equal text is spoken with slightly varying intonation.
    """

    def __init__(self, espeak: Espeak, speaker: PiperSpeaker, load: Callable[[], Model]) -> None:
        self._espeak = espeak
        self._speaker = speaker
        self._load = load
        self._loading = Lock()
        self._loaded: Model | None = None
        self.engine = speaker.engine
        self.name = speaker.name
        self.language = speaker.language
        self.gender = speaker.gender
        self.quality = speaker.quality
        self.licence = speaker.licence

    @property
    def version(self) -> str:
        """The model's version, that of its phonemes, and that of the way it is driven here."""
        return f"{self._speaker.version}+{self._espeak.version}+{_RECIPE}"

    def warm(self) -> None:
        """Start the engine of the phonemes."""
        self._espeak.warm()

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText`, also for another script."""
        require_readable(text, self._speaker.scripts, self.language)
        model = self._model()
        symbols = model.symbols()
        for piece in pieces(text):
            for sentence in phonetic_sentences(piece, self._phonemes):
                for part in pieces(sentence, _MAX_PHONEMES):
                    if any(phoneme.isalpha() for phoneme in part):
                        yield Sound(model.sound(_numbers(part, symbols)), self._speaker.rate_hz)

    def _phonemes(self, clauses: Sequence[str]) -> Sequence[str]:
        return self._espeak.phonemes(self._speaker.phonemes_voice, clauses)

    def _model(self) -> Model:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._loaded = self._load()
        return self._loaded


def _numbers(phonemes: str, symbols: Symbols) -> list[int]:
    """What the model is given: start, a pad after each, end. It knows base letters and marks apart."""
    numbers = [*symbols[_START], *symbols[_PAD]]
    for phoneme in unicodedata.normalize("NFD", phonemes):
        if phoneme in symbols:
            numbers += [*symbols[phoneme], *symbols[_PAD]]
    return [*numbers, *symbols[_END]]


class PiperModel:
    """The model of a file. `scales` are noise, length and noise of the phonemes' widths."""

    def __init__(
        self, path: Path, symbols: Symbols, scales: tuple[float, float, float], speaker: int = 0
    ) -> None:
        self._model = OnnxModel(path)
        self._symbols = symbols
        self._scales = scales
        self._speaker = speaker

    def symbols(self) -> Symbols:
        """Those of its description."""
        return self._symbols

    def sound(self, numbers: Sequence[int]) -> Samples:
        """Sound of phonemes. Raises `CannotConvertText` when the model fails."""
        import numpy as np

        given: dict[str, npt.NDArray[np.generic]] = {
            "input": np.array([numbers], np.int64),
            "input_lengths": np.array([len(numbers)], np.int64),
            "scales": np.array(self._scales, np.float32),
        }
        if "sid" in self._model.inputs:
            given["sid"] = np.array([self._speaker], np.int64)
        return self._model.sound(given)
