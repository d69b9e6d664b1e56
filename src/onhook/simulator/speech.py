"""Speech without sound: a message becomes prompts that have a text and a length."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from onhook.media.frame_file import FrameFile
from onhook.media.g711 import FRAME_BYTES, FRAME_MS, Codec
from onhook.message import Gender, Message, Part, Say
from onhook.simulator.heard import Kind
from onhook.speech import markup
from onhook.speech.engines.languages import LANGUAGES
from onhook.speech.rendering import Rendering
from onhook.speech.voices import Catalogue, Sound, Voice

WORDS_A_MINUTE: Final = 170
RECORDING_S: Final = 5.0
"""How long a recording plays of which nothing else is known."""
_TAIL_S: Final = 0.3
"""Of silence behind what is spoken, as the voices leave it."""
_LETTERS_A_WORD: Final = 5.0
"""Of a language that has no blanks between its words."""


@cache
def _silence() -> FrameFile:
    """One frame, which stands for all: nobody hears it."""
    return FrameFile.of(*(bytes([law.silence]) * FRAME_BYTES for law in (Codec.PCMU, Codec.PCMA)))


@dataclass(frozen=True, slots=True)
class SpokenPrompt:
    """What a stream plays (media.play_queue.Playable)."""

    kind: Kind
    text: str
    frame_count: int
    digest: str = ""
    first: int = 0

    @property
    def file(self) -> FrameFile:
        """There is no sound in it."""
        return _silence()


@dataclass(frozen=True, slots=True)
class _Nobody:
    """A voice of which nothing is heard (speech.voices.Voice)."""

    language: str
    gender: Gender
    engine: str = "simulator"
    name: str = "simulator"
    version: str = "1"
    quality: str = "text"

    def warm(self) -> None:
        """There is nothing to be loaded."""

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Of no text there is any sound."""
        return iter(())


@cache
def _catalogue() -> Catalogue:
    """A voice for every language that a server has one for, or may have."""
    languages = ["en-US", *(each.tag for each in LANGUAGES), "ja"]
    voices: list[Voice] = [
        _Nobody(language, gender)
        for language in languages
        for gender in (Gender.FEMALE, Gender.MALE)
    ]
    return Catalogue(voices)


class TextRenderer:
    """Makes prompts of messages at once (speech.renderer.Renderer)."""

    def __init__(self, words_a_minute: float, lengths_s: Callable[[str], float | None]) -> None:
        """``lengths_s`` gives how long the recording of a URL plays, where that is known."""
        self._words_a_minute = words_a_minute
        self._lengths_s = lengths_s
        self._parse = lru_cache(maxsize=1024)(lambda msg: markup.parse(msg, _catalogue()))

    def check(self, msg: str) -> Message:
        """Reads ``msg``. Raises a leaf of `MarkupError`."""
        return self._parse(msg)

    def at_hand(self, message: Message) -> Rendering[SpokenPrompt]:
        """All of it."""
        return Rendering(tuple(map(self._prompt, message)), None)

    async def begin(self, message: Message, *, deadline_s: float) -> Rendering[SpokenPrompt]:
        """The same."""
        return self.at_hand(message)

    def _prompt(self, part: Part) -> SpokenPrompt:
        if isinstance(part, Say):
            return SpokenPrompt(
                Kind.SPEECH, part.text, _frames(spoken_s(part.text, self._words_a_minute))
            )
        length_s = self._lengths_s(part.url)
        return SpokenPrompt(
            Kind.RECORDING, part.url, _frames(RECORDING_S if length_s is None else length_s)
        )


def spoken_s(text: str, words_a_minute: float = WORDS_A_MINUTE) -> float:
    """How long it takes to say a text, seconds."""
    words = text.split()
    count = max(len(words), sum(map(len, words)) / (2 * _LETTERS_A_WORD))
    return count * 60 / words_a_minute + _TAIL_S


def _frames(length_s: float) -> int:
    return max(1, round(length_s * 1000 / FRAME_MS))
