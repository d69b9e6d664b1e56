"""The default voice: hibari, neural American English, female, offline from the first minute."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from importlib.metadata import version as installed_version
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol

import structlog

from onhook.speech.engines import english_ahead
from onhook.speech.engines.pieces import pieces
from onhook.speech.errors import CannotConvertText
from onhook.speech.scripts import LATIN, require_readable
from onhook.speech.voices import Gender, Samples, Sound

log = structlog.get_logger()

_RECIPE: Final = 1  # raise it when this module changes how an equal text sounds
_SEED: Final = 0
_RATE_HZ: Final = 24_000
_MAX_PHONEMES: Final = 400  # what the model was made for; 200 characters can become 1900

# What pure Python code of the engine was seen to raise, or may, for text it did not expect.
_ENGINE_FAULTS: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)

_LONG_NUMBER: Final = re.compile(r"\d(?:,?\d){15,}")
_LONG_WORD: Final = re.compile(r"(\S{40})(?=\S)")


class Synthesiser(Protocol):
    """The part of `hibari.Hibari` that is used."""

    def phonemize(self, text: str) -> list[str]:
        """Phonemes, one string a sentence."""

    def from_phonemes(self, phonemes: str, speed: float = ..., seed: int | None = ...) -> Samples:
        """Sound of phonemes at 24 kHz; equal for an equal seed."""


def load(made_ahead: Path | None = None) -> Synthesiser:
    """The engine with the one voice that is in its package; it never downloads another.

    `made_ahead` is where `english_ahead` may have made what loads sooner, and sounds the same.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(3)  # errors only
    _give_back_memory(onnxruntime)
    if made_ahead is not None and english_ahead.is_there(made_ahead):
        try:
            return _of_files(made_ahead)
        except Exception as error:  # noqa: BLE001  what can be made again is no reason not to speak
            log.warning("english_made_ahead_unusable", reason=type(error).__name__)
            english_ahead.forget(made_ahead)
    return _loaded()


def _give_back_memory(onnxruntime: Any) -> None:
    """Has sessions keep nothing of what a sentence took, which is 30 MB after some of them. The engine makes
    its own, and takes no options for them."""

    class Sparing(onnxruntime.SessionOptions):  # type: ignore[misc]  # it is loaded when it is needed
        def __init__(self) -> None:
            super().__init__()
            self.enable_mem_pattern = self.enable_cpu_mem_arena = False

    onnxruntime.SessionOptions = Sparing


def _of_files(directory: Path) -> Synthesiser:
    reader = english_ahead.reader(directory)
    synthesiser = _loaded(model=str(english_ahead.model_file(directory)), g2p=reader)
    synthesiser.phonemize("Reading is ready, 2 of 3.")
    return synthesiser


def _loaded(**given: object) -> Synthesiser:
    import hibari

    synthesiser: Synthesiser = hibari.Hibari(voice="heart", threads=1, **given)
    return synthesiser


class EnglishVoice:
    """American English, female (a `Voice`). Loaded when first used, once; 24 kHz."""

    engine = "hibari"
    name = "heart"
    language = "en-US"
    gender = Gender.FEMALE
    quality = "neural"
    licence = "Apache-2.0"

    def __init__(self, load: Callable[[], Synthesiser] = load) -> None:
        self._load = load
        self._loading = Lock()
        self._loaded: Synthesiser | None = None
        self._version: str | None = None

    @property
    def version(self) -> str:
        """The engine's version, then that of the way it is driven here."""
        if self._version is None:
            self._version = f"{installed_version('hibari-tts')}+{_RECIPE}"
        return self._version

    def warm(self) -> None:
        """Load everything, the net that reads unknown words included. Blocks for about half a second."""
        for _ in self.synthesise("Zygwort is ready."):
            pass

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText` for letters that are not Latin."""
        text = _prepared(text)
        synthesiser = self._synthesiser()
        for piece in pieces(text):
            yield from _speak(synthesiser, piece)

    def _synthesiser(self) -> Synthesiser:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    synthesiser = self._load()
                    synthesiser.phonemize("Ready.")  # its tables are loaded by the first text
                    self._loaded = synthesiser
        return self._loaded


def _speak(synthesiser: Synthesiser, piece: str) -> Iterator[Sound]:
    for phonemes in _phonemes(synthesiser, piece):
        for clause in pieces(phonemes, _MAX_PHONEMES):
            samples = _sound(synthesiser, clause)
            if len(samples):
                yield Sound(samples, _RATE_HZ)


def _sound(synthesiser: Synthesiser, phonemes: str) -> Samples:
    try:
        return synthesiser.from_phonemes(phonemes, seed=_SEED)
    except Exception as error:  # noqa: BLE001  those of the runtime have no other class in common
        log.error("voice_model_failed", model="hibari", reason=type(error).__name__)
        raise CannotConvertText from None


def _phonemes(synthesiser: Synthesiser, piece: str) -> list[str]:
    try:
        return synthesiser.phonemize(piece)
    except _ENGINE_FAULTS:
        # Its message may quote the text: it is not passed on.
        raise CannotConvertText(
            "The English voice cannot read a number, symbol or word in msg: write it differently."
        ) from None


def _prepared(text: str) -> str:
    """`text` without what the engine would stumble over; raises for what it would leave out."""
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    require_readable(text, (LATIN,), "English")
    # The engine has no name for numbers of more than 36 digits, and nobody understands one of 16.
    text = _LONG_NUMBER.sub(_spelled, text)
    # Its time grows with the cube of a word's length.
    text = _LONG_WORD.sub(r"\1 ", text)
    # [word](/phonemes/) is a notation of the engine, not of messages.
    return text.replace("](", "] (")


def _spelled(number: "re.Match[str]") -> str:
    return " ".join(number[0].replace(",", ""))
