"""The voices of this installation, in the order in which they are chosen."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from onhook.processes.workers import Spawner, Starter
from onhook.speech.engines import japanese, kokoro, pico
from onhook.speech.engines.english import EnglishVoice, load
from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.formant import FormantVoice
from onhook.speech.engines.joe import english_man
from onhook.speech.engines.languages import LANGUAGES
from onhook.speech.engines.plugged import PluggedVoice, Plugin
from onhook.speech.engines.voices_directory import voices_in
from onhook.speech.plugins import plugged
from onhook.speech.reading.reader import Reader
from onhook.speech.voices import Catalogue, Gender, Voice


@contextmanager
def installed_voices(
    directory: Path | None = None,
    vectors: Path = kokoro.VECTORS,
    *,
    starter: Starter | None = None,
    made_ahead: Path | None = None,
    experimental: bool = False,
) -> Iterator[Catalogue]:
    """All voices, the default first. Leaving ends the engines that are processes of their own.

    `directory` holds Piper voices, `vectors` those of Kokoro. Who adds voices wants to hear them:
    those of plugins, then of the directory, then of Kokoro speak in place of ours. `starter` starts
    those processes. `made_ahead` is the directory of `engines.english_ahead`. `experimental` adds voices
    that nobody should get unasked. Raises `DirectoryUnusable`.
    """
    starter = starter or Spawner()
    with ExitStack() as stack:
        espeak = Espeak(starter=starter)
        stack.callback(espeak.close)
        english: dict[Gender, Voice] = {
            Gender.FEMALE: Reader(EnglishVoice(partial(load, made_ahead))),
            Gender.MALE: Reader(english_man(espeak)),
        }
        clearer = _of_pico(stack, starter)
        others: list[Voice] = [
            clearer.get((language.tag, gender)) or FormantVoice(espeak, language, gender)
            for language in LANGUAGES
            for gender in (Gender.FEMALE, Gender.MALE)
        ]
        reads_kanji: japanese.OpenJTalk | None = None
        if japanese.installed():
            reads_kanji = japanese.OpenJTalk(starter=starter)
            stack.callback(reads_kanji.close)
            others += _japanese(reads_kanji, espeak)
        added: list[Voice] = [] if directory is None else list(voices_in(directory, espeak))
        if kokoro.installed(vectors):
            engine = kokoro.Kokoro(vectors, starter=starter)
            stack.callback(engine.close)
            added += kokoro.kokoro_voices(
                engine, espeak, reads_kanji, vectors=vectors, experimental=experimental
            )

        def read(voice: Voice) -> Voice:
            return Reader(voice, english[voice.gender])

        yield Catalogue(
            [*english.values(), *map(read, others)],
            instead=[*_of_plugins(stack, starter), *map(read, added)],
        )


def _japanese(engine: japanese.OpenJTalk, espeak: Espeak) -> tuple[Voice, Voice]:
    man = japanese.JapaneseMan(engine, FormantVoice(espeak, japanese.FORMANT, Gender.MALE))
    return japanese.JapaneseWoman(engine), man


def _of_pico(stack: ExitStack, starter: Starter) -> dict[tuple[str, Gender], Voice]:
    """Those that speak in place of the formant engine's, by tag and gender."""
    if not pico.installed():
        return {}
    engine = pico.Pico(starter=starter)
    stack.callback(engine.close)
    return {(voice.language, voice.gender): voice for voice in pico.pico_voices(engine)}


def _of_plugins(stack: ExitStack, starter: Starter) -> list[Voice]:
    plugins: dict[str, Plugin] = {}
    voices: list[Voice] = []
    for described in plugged():
        plugin = plugins.get(described.plugin)
        if plugin is None:
            plugin = plugins[described.plugin] = Plugin(described.plugin, starter=starter)
            stack.callback(plugin.close)
        voices.append(PluggedVoice(plugin, described))
    return voices
