"""The voices of this installation, in the order in which they are chosen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from onhook.speech.english import EnglishVoice
from onhook.speech.espeak import Espeak
from onhook.speech.formant import FormantVoice
from onhook.speech.joe import EnglishMan
from onhook.speech.languages import LANGUAGES
from onhook.speech.voices import Catalogue, Gender, Voice

_FORMANT: Final = "formant"
_NEURAL: Final = "neural"
_REMARKS: Final = {language.tag: language.remark for language in LANGUAGES}


@contextmanager
def installed_voices() -> Iterator[Catalogue]:
    """All voices, the default first. Leaving ends the engines that are processes of their own."""
    espeak = Espeak()
    formant = [
        FormantVoice(espeak, language, gender)
        for language in LANGUAGES
        for gender in (Gender.FEMALE, Gender.MALE)
    ]
    try:
        yield Catalogue([EnglishVoice(), EnglishMan(espeak), *formant])
    finally:
        espeak.close()


def quality(voice: Voice) -> str:
    """What to expect of a voice: `neural` or `formant`, and what is to be known of its language."""
    if voice.engine != FormantVoice.engine:
        return _NEURAL
    remark = _REMARKS[voice.language]
    return f"{_FORMANT}, {remark}" if remark else _FORMANT
