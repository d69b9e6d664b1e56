"""Voices of the formant engine: robotic, in many languages, male and female."""

from collections.abc import Iterator
from typing import Final

from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.languages import Language
from onhook.speech.scripts import require_readable
from onhook.speech.voices import Gender, Sound

_GAIN: Final = 0.5  # the engine is twice as loud as the neural voices that it is mixed with
_SILENCE: Final = 128 / 32768  # the loudest sample of what is no speech but a pause


class FormantVoice:
    """One language and gender (a `Voice`). All of them share one `engine`.

    Equal text gives the same speech, but not to the bit: there is noise in the engine's consonants.
    """

    engine = "espeak"
    licence = "GPL-3.0-or-later"

    def __init__(self, engine: Espeak, language: Language, gender: Gender) -> None:
        self._espeak = engine
        self._language = language
        self.name = f"{language.voice}+{language.speakers[gender is Gender.MALE]}"
        self.language = language.tag
        self.gender = gender
        self.quality = f"formant, {language.remark}" if language.remark else "formant"

    @property
    def version(self) -> str:
        """That of the engine, whose package brings the voices."""
        return self._espeak.version

    def warm(self) -> None:
        """Start the workers that all formant voices share. Raises `EngineUnavailable`."""
        self._espeak.warm()

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText`, also for another script."""
        require_readable(text, self._language.scripts, self.language)
        import numpy as np  # here, because the process is ready sooner without it

        rate_hz, pcm = self._espeak.speak(self.name, text)
        samples = np.frombuffer(pcm, np.int16).astype(np.float32) * (_GAIN / 32768)
        if len(samples) and np.abs(samples).max() > _SILENCE:
            yield Sound(samples, rate_hz)
