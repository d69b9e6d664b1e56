"""Voices, and which of them speaks what: the catalogue that `<speech>` is looked up in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

from onhook.message import Gender as Gender
from onhook.speech.errors import InvalidGender, InvalidLanguage
from onhook.speech.measured import errors, understood
from onhook.speech.tags import looked_up

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

VOICE_WAIT_MS: Final = 1500
"""So long a caller waits for a slow voice, unless the operator has set another time; if it would take longer,
another one speaks in its place."""

Samples: TypeAlias = "npt.NDArray[np.float32]"
"""One channel of audio, shape (n,), nominally within -1 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A stretch of speech: `samples` at `rate_hz`."""

    samples: Samples
    rate_hz: int


class Voice(Protocol):
    """One speaker of one language.

    `engine`, `version`, `name` and `language` are part of the address under which its speech is
    kept: whatever changes how a text sounds must change `version`.
    """

    @property
    def engine(self) -> str:
        """The program that speaks, or the plugin: `espeak`, say. `onhook voices` shows it."""

    @property
    def version(self) -> str:
        """The version of the engine, its model, and the way it is driven."""

    @property
    def name(self) -> str:
        """The speaker's name within the engine."""

    @property
    def language(self) -> str:
        """What it speaks, as a language tag (RFC 5646), such as `en-US`."""

    @property
    def gender(self) -> Gender:
        """What `<speech gender>` is compared with."""

    def warm(self) -> None:
        """Load what the first synthesis would otherwise wait for. Blocks; called in a thread."""

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text` piece by piece, all at one rate; equal text gives equal sound.

        Blocks, and may be called from several threads at once. Yields nothing when the text came
        to no sound. Raises `CannotConvertText`.
        """


@runtime_checkable
class Rated(Protocol):
    """A voice that says what to expect of it."""

    @property
    def quality(self) -> str:
        """`neural` or `formant`, and what else is to be known."""


def quality(voice: Voice) -> str:
    """What to expect of a voice, in words for people."""
    return voice.quality if isinstance(voice, Rated) else "unknown"


@runtime_checkable
class Licensed(Protocol):
    """A voice that says under which licence it comes."""

    @property
    def licence(self) -> str:
        """Identifiers of SPDX for engine, model and voice, each once; or whose it is."""


def licence(voice: Voice) -> str:
    """Under which licence a voice comes, in words for people."""
    return voice.licence if isinstance(voice, Licensed) else "unknown"


@runtime_checkable
class Paced(Protocol):
    """A voice that takes seconds for a sentence, so that another one speaks where a caller waits."""

    @property
    def character_s(self) -> float:
        """Seconds that a character of text takes, at first guess."""


def character_s(voice: Voice) -> float:
    """How long a voice takes for a character; 0 for one that is as good as ready."""
    return voice.character_s if isinstance(voice, Paced) else 0.0


def described(voices: Iterable[Voice]) -> list[dict[str, str | float | None]]:
    """What there is to know of each voice, for who chooses among them; `errors` and `understood` are those
    of `measured`."""
    return list(map(_described, voices))


def _described(voice: Voice) -> dict[str, str | float | None]:
    wrong = errors(voice.language, voice.gender.value, voice.engine)
    return {
        "language": voice.language,
        "gender": voice.gender.value,
        "engine": voice.engine,
        "quality": quality(voice),
        "errors": wrong,
        "understood": understood(quality(voice), wrong),
        "licence": licence(voice),
    }


class Catalogue:
    """The voices of this installation. The first voice's language is the default.

    Of several voices with the same tag and gender the first speaks; but one of `instead` speaks in
    place of all those (the first of `instead`, if there are several), and also of those whose tag
    is its language alone. A bare language (`en`) means the tag of the first voice of that language,
    whoever then speaks it.
    """

    def __init__(self, voices: Iterable[Voice], instead: Iterable[Voice] = ()) -> None:
        self._written: dict[str, str] = {}
        self._by_tag: dict[str, dict[Gender, Voice]] = {}
        self._by_language: dict[str, dict[Gender, Voice]] = {}
        for voice in voices:
            self._speakers_of(voice.language).setdefault(voice.gender, voice)
        if not self._by_tag:
            raise ValueError("a catalogue needs at least one voice")
        self._default = next(iter(self._by_tag))
        self._stand_ins: dict[Voice, Voice] = {}
        for voice in reversed(tuple(instead)):
            if (bare := _primary(voice.language.lower())) in self._by_tag:
                self._put(voice, self._by_tag[bare])
            self._put(voice, self._speakers_of(voice.language))

    @property
    def voices(self) -> tuple[Voice, ...]:
        """Everybody who can be chosen, the default first."""
        found = [voice for speakers in self._by_tag.values() for voice in speakers.values()]
        return tuple(voice for place, voice in enumerate(found) if voice not in found[:place])

    @property
    def speakers(self) -> tuple[Voice, ...]:
        """Everybody who may have to speak: `voices`, and those who stand in for slow ones."""
        return (*self.voices, *self._stand_ins.values())

    def find(self, language: str | None = None, gender: str | None = None) -> Voice:
        """The voice for the attributes of a `<speech>`, either of which may be left out.

        Both compare without case and without blanks around them. The tag (`zh_HK` is `zh-HK`: see
        `tags`) is looked up, then the language alone (`en-GB` is spoken by `en-US` as long as nobody
        speaks it better). Without a gender, or with an empty one, it is female, or whoever speaks
        the language. Raises `InvalidLanguage` or `InvalidGender`.
        """
        speakers = self._speakers(self._default if language is None else language)
        gender = (gender or "").strip()
        if not gender:
            return speakers.get(Gender.FEMALE) or next(iter(speakers.values()))
        try:
            return speakers[Gender(gender.lower())]
        except ValueError:
            raise InvalidGender from None
        except KeyError:
            raise InvalidGender(_only(speakers)) from None

    def stand_in(self, voice: Voice) -> Voice | None:
        """Who speaks in place of a slow voice where nobody can wait; None for one that is quick.

        That is who would speak if the slow one were not installed.
        """
        return self._stand_ins.get(voice)

    def of_engine(self, engine: str) -> "Catalogue":
        """The same, but that the voices of one engine speak wherever they can, also those that stand in."""
        return Catalogue(self.voices, [each for each in self.speakers if each.engine == engine])

    def languages(self) -> dict[str, tuple[Gender, ...]]:
        """Every tag that is spoken, and by whom, in the order of the voices."""
        return {self._written[tag]: tuple(speakers) for tag, speakers in self._by_tag.items()}

    def _speakers_of(self, language: str) -> dict[Gender, Voice]:
        """Those of a tag, which is made known."""
        tag = language.lower()
        self._written.setdefault(tag, language)
        speakers = self._by_tag.setdefault(tag, {})
        self._by_language.setdefault(_primary(tag), speakers)
        return speakers

    def _put(self, voice: Voice, speakers: dict[Gender, Voice]) -> None:
        """Have `voice` speak in place of who did."""
        before = speakers.get(voice.gender)
        speakers[voice.gender] = voice
        if before is not None and before is not voice and character_s(voice):
            quick = self._stand_ins.get(before, before)
            if not character_s(quick):
                self._stand_ins[voice] = quick

    def _speakers(self, language: str) -> dict[Gender, Voice]:
        if speakers := self._by_tag.get(language.lower()):
            return speakers
        tags = looked_up(language)
        found = [self._by_tag[tag] for tag in tags if tag in self._by_tag]
        found += [
            self._by_language[bare] for tag in tags if (bare := _primary(tag)) in self._by_language
        ]
        if not found:
            sentence = InvalidLanguage.sentence if tags else _NO_TAG
            raise InvalidLanguage(f"{sentence} Spoken here: {', '.join(self.languages())}.")
        return found[0]


_NO_TAG = "The language of a <speech> in msg is not a language tag such as en or zh-HK."


def _primary(tag: str) -> str:
    """The language of a tag, without region or script (RFC 5646, section 2.2.1)."""
    return tag.partition("-")[0]


def _only(speakers: dict[Gender, Voice]) -> str:
    voice = next(iter(speakers.values()))
    return (
        f"{voice.language} is spoken here by a {voice.gender} voice only: "
        f"ask for {voice.gender}, or leave gender out."
    )
