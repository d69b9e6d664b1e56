"""What one end of a call has heard: words, recordings, tones and keys, in their order."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

_STOPS: Final = " .!?…。！？"
"""With which a sentence may end."""


class Kind(Enum):
    """What a sound is."""

    SPEECH = "speech"
    RECORDING = "recording"
    """Its text is the URL."""
    TONE = "tone"
    """A beep, the ring back or music; its text says which."""
    KEYS = "keys"
    VOICE = "voice"
    """What somebody else on the line says."""


@dataclass(slots=True)
class Sound:
    """Something that is heard. Moments are seconds of the time that the call has."""

    kind: Kind
    text: str
    begun_s: float
    length_s: float
    ended_s: float | None = None
    """When it was over; None while it goes on."""
    cut: bool = False
    """Whether it was cut off before its end."""

    @property
    def whole(self) -> bool:
        """Whether it was heard to its end."""
        return self.ended_s is not None and not self.cut

    @property
    def words(self) -> str:
        """What was heard of it: of what was cut off, as many of its words as there was time for."""
        if self.ended_s is None:
            return ""
        if not self.cut or self.kind is not Kind.SPEECH:
            return "" if self.cut else self.text
        words = self.text.split()
        share = (self.ended_s - self.begun_s) / self.length_s if self.length_s else 0.0
        return " ".join(words[: int(len(words) * share)])

    def __str__(self) -> str:
        shown = f'"{self.text}"' if self.kind in (Kind.SPEECH, Kind.VOICE) else self.text
        if self.kind is Kind.KEYS:
            shown = f"the keys {self.text}"
        if self.cut and self.ended_s is not None:
            return (
                f"{shown}, cut off after {self.ended_s - self.begun_s:.1f} of {self.length_s:.1f} s"
            )
        return shown


@dataclass(slots=True)
class Transcript:
    """All that one end has heard, and how far an expectation has looked through it."""

    now: Callable[[], float]
    """Seconds of the time that the call has."""
    sounds: list[Sound] = field(default_factory=list)
    _looked: int = 0
    """How many characters of `_text` are behind what was expected last."""

    def has(self, text: str) -> bool:
        """Whether these words, this URL or this tone were heard to their end, behind what was taken."""
        return self._find(text) >= 0

    def take(self, text: str) -> bool:
        """The same; what is looked for next has to come behind them."""
        at = self._find(text)
        if at >= 0:
            self._looked = at + len(_plain(text))
        return at >= 0

    def _find(self, text: str) -> int:
        return _text([one.words for one in self.sounds]).find(_plain(text), self._looked)

    def begins(self, text: str) -> bool:
        """Whether what is being heard just now has these words in it."""
        return any(_plain(text) in _plain(one.text) for one in self.sounds if one.ended_s is None)

    def is_still(self, for_s: float) -> bool:
        """Whether nothing was heard for so long, or only what was heard just before it as well: music."""
        if not self.sounds:
            return False
        last, before = self.sounds[-1], self.sounds[-2:-1]
        if last.ended_s is None:
            return bool(before) and before[0].text == last.text
        return self.now() - last.ended_s >= for_s

    def ends_with(self, text: str) -> bool:
        """Whether these were the last words that were heard, to their end."""
        spoken = [one for one in self.sounds if one.kind is not Kind.TONE]
        whole = bool(spoken) and spoken[-1].whole
        said = _text([one.words for one in spoken]).rstrip(_STOPS)
        return whole and said.endswith(_plain(text).rstrip(_STOPS))


def _text(several: list[str]) -> str:
    """One part behind another, as it is searched."""
    return " ".join(_plain(one) for one in several if one)


def _plain(text: str) -> str:
    """Without what is not heard: capitals, and how much white there is between words."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
