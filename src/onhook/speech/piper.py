"""Voices of the kind that Piper made common: a neural model that is given phonemes of the IPA.

The phonemes come from the formant engine's worker, so nothing under the GPL is loaded here.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol

from onhook.speech.errors import CannotConvertText
from onhook.speech.espeak import Espeak
from onhook.speech.onnx import OnnxModel
from onhook.speech.pieces import pieces
from onhook.speech.scripts import readable
from onhook.speech.voices import Gender, Samples, Sound

if TYPE_CHECKING:
    import numpy.typing as npt

_RECIPE: Final = 1  # raise it when this module changes how an equal text sounds
_MAX_PHONEMES: Final = 200  # memory grows with what is given at once

_START, _END, _PAD = "^", "$", "_"
_LANGUAGE_SWITCH: Final = re.compile(r"\([a-z-]*\)")  # the phonemes of a foreign word are marked

# A clause and the mark that ends it; the dot of a title, or within a number, ends none. The marks of
# Chinese and of Indian languages need no blank after them.
_CLAUSE: Final = re.compile(
    r"(.*?)(?:((?:(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.]|[!?,;:\u2026])+(?=\s|$)"
    r"|[\u3002\uff01\uff1f\uff0c\u3001\uff1b\uff1a\u0964\u061f\u060c]+)|$)\s*",
    re.DOTALL,
)
_PLAIN_MARKS: Final = str.maketrans(
    "\u2026\u3002\uff01\uff1f\uff0c\u3001\uff1b\uff1a\u0964\u061f\u060c", "..!?,,;:.?,"
)
_SENTENCE_ENDS: Final = ".!?"

Symbols = Mapping[str, Sequence[int]]
"""The numbers of each phoneme."""


class Model(Protocol):
    """The neural net."""

    def symbols(self) -> Symbols:
        """What it can be given."""

    def sound(self, numbers: Sequence[int]) -> Samples:
        """Sound of phonemes, at the rate of the voice."""


@dataclass(frozen=True, slots=True)
class Speaker:
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


class PiperVoice:
    """One such model (a `Voice`). It is loaded when first used, once.

    It is not loaded ahead: that is half a second and a hundred megabytes, which a server without
    messages for it need not spend. Equal text is spoken with slightly varying intonation.
    """

    def __init__(self, espeak: Espeak, speaker: Speaker, load: Callable[[], Model]) -> None:
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

    @property
    def version(self) -> str:
        """The model's version, that of its phonemes, and that of the way it is driven here."""
        return f"{self._speaker.version}+{self._espeak.version}+{_RECIPE}"

    def warm(self) -> None:
        """Start the engine of the phonemes."""
        self._espeak.warm()

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText`, also for another script."""
        if not readable(text, self._speaker.scripts):
            raise CannotConvertText(
                f"Text in msg is in a script that the {self.language} voice cannot read: "
                'choose its language, as in <speech language="...">.'
            )
        model = self._model()
        symbols = model.symbols()
        for piece in pieces(text):
            for sentence in self._sentences(piece):
                for part in pieces(sentence, _MAX_PHONEMES):
                    if any(phoneme.isalpha() for phoneme in part):
                        yield Sound(model.sound(_numbers(part, symbols)), self._speaker.rate_hz)

    def _sentences(self, piece: str) -> Iterator[str]:
        """The phonemes of each sentence, with the marks at which the voice rises and falls."""
        clauses = [found.groups() for found in _CLAUSE.finditer(piece) if found[1].strip()]
        if not clauses:
            return
        found = self._espeak.phonemes(self._speaker.phonemes_voice, [text for text, _ in clauses])
        sentence = ""
        for phonemes, (_, marks) in zip(found, clauses, strict=True):
            mark = (marks or "").translate(_PLAIN_MARKS)[-1:]
            sentence += _LANGUAGE_SWITCH.sub("", phonemes) + mark
            if mark and mark in _SENTENCE_ENDS:
                yield sentence
                sentence = ""
            else:
                sentence += " "
        if sentence:
            yield sentence

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
        """What it can be given."""
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
