"""The formant engine as a plugin: where another engine speaks in its place, and languages not offered."""

from collections.abc import Sequence

import numpy as np

from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.formant import FormantVoice
from onhook.speech.engines.languages import LANGUAGES, Language
from onhook.speech.engines.pico import LANGUAGES as BY_PICO
from onhook.speech.narrowband import RATE_HZ
from onhook.speech.plugins import CannotSpeak, Speaker
from onhook.speech.reading.reader import Reader
from onhook.speech.renderer import speech
from onhook.speech.scripts import written_in
from onhook.speech.voices import Gender, Sound
from proof.sentences import CANDIDATES

PACKAGE = "formant_beside"
TAGS = {spoken.tag: f"q{spoken.tag[-2:].lower()}" for spoken in BY_PICO}
"""The tags that they have here, which are nobody's (ISO 639 leaves qaa to qtz to whoever wants them)."""


class Beside:
    """One voice of the formant engine."""

    version = "1"
    quality = "formant"

    def __init__(self, engine: Espeak, language: Language, gender: Gender) -> None:
        self._voice = Reader(FormantVoice(engine, language, gender))
        self.name = f"{language.tag}-{gender.value}"
        self.language = TAGS.get(language.tag, language.tag)
        self.gender = gender.value

    def synthesise(self, text: str) -> Sound:
        try:
            pcm = speech(self._voice, text)
        except Exception as error:
            raise CannotSpeak(type(error).__name__) from error
        return Sound(pcm.astype(np.float32) / np.float32(32768), RATE_HZ)


def voices() -> Sequence[Speaker]:
    """Those in whose place Pico speaks, and those of languages that are not offered."""
    engine = Espeak(1)
    languages = [language for language in LANGUAGES if language.tag in TAGS]
    languages += [Language(tag, tag, written_in(tag)) for tag in CANDIDATES]
    return [Beside(engine, language, gender) for language in languages for gender in Gender]
