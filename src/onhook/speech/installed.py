"""The voices of this installation, in the order in which they are chosen."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from onhook.speech.english import EnglishVoice
from onhook.speech.espeak import Espeak
from onhook.speech.formant import FormantVoice
from onhook.speech.joe import english_man
from onhook.speech.languages import LANGUAGES
from onhook.speech.plugged import PluggedVoice, Plugin
from onhook.speech.plugins import plugged
from onhook.speech.voices import Catalogue, Gender, Voice
from onhook.speech.voices_directory import voices_in


@runtime_checkable
class Rated(Protocol):
    """A voice that says what to expect of it."""

    @property
    def quality(self) -> str:
        """`neural` or `formant`, and what else is to be known."""


@contextmanager
def installed_voices(directory: Path | None = None) -> Iterator[Catalogue]:
    """All voices, the default first. Leaving ends the engines that are processes of their own.

    `directory` holds Piper voices. Who adds voices wants to hear them: those of plugins, then those
    of the directory speak in place of ours. Raises `DirectoryUnusable`.
    """
    with ExitStack() as stack:
        espeak = Espeak()
        stack.callback(espeak.close)
        formant = [
            FormantVoice(espeak, language, gender)
            for language in LANGUAGES
            for gender in (Gender.FEMALE, Gender.MALE)
        ]
        ours: list[Voice] = [EnglishVoice(), english_man(espeak), *formant]
        added = [] if directory is None else voices_in(directory, espeak)
        yield Catalogue(ours, instead=[*_of_plugins(stack), *added])


def quality(voice: Voice) -> str:
    """What to expect of a voice, in words for people."""
    return voice.quality if isinstance(voice, Rated) else "unknown"


def _of_plugins(stack: ExitStack) -> list[Voice]:
    plugins: dict[str, Plugin] = {}
    voices: list[Voice] = []
    for described in plugged():
        plugin = plugins.get(described.plugin)
        if plugin is None:
            plugin = plugins[described.plugin] = Plugin(described.plugin)
            stack.callback(plugin.close)
        voices.append(PluggedVoice(plugin, described))
    return voices
