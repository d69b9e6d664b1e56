"""How a message is read: what its voice would misread is written out, Latin words get their own voice.

This stands between a message and every engine of ours; a plugin reads for itself.
"""

from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version as installed_version
from typing import Final

from onhook.speech.errors import CannotConvertText
from onhook.speech.level import levelled
from onhook.speech.narrowband import RATE_HZ, Narrowband, Pcm, faded
from onhook.speech.reading.runs import latin_runs
from onhook.speech.scripts import LATIN, require_readable, written_in
from onhook.speech.voices import Sound, Voice, character_s, licence, quality

_DEFAULT: Final = "en-US"
_RECIPE: Final = 3  # raise it when `normalise` writes something otherwise, or runs are joined so
_GAP_S: Final = 0.06  # between two runs
_PAUSE_S: Final = 0.25  # where the text has a mark there
_QUIET: Final = 300  # of 32768: what is below it at the edge of a run is silence
_MARGIN: Final = RATE_HZ // 50  # of which this much is left


class Reader:
    """`voice`, given what it can read (a `Voice`).

    `latin` speaks the Latin words in a text of another script, so that they are understood and in
    a voice of the same gender. Words that it cannot speak are left to `voice`.
    """

    def __init__(self, voice: Voice, latin: Voice | None = None) -> None:
        self._voice = voice
        self._latin = None if written_in(voice.language)[0] == LATIN else latin
        self.engine = voice.engine
        self.name = voice.name
        self.language = voice.language
        self.gender = voice.gender
        self.quality = quality(voice)
        self.licence = licence(voice)
        self.character_s = character_s(voice)

    @property
    def version(self) -> str:
        """Those of all that shapes the sound."""
        latin = f"+{self._latin.engine} {self._latin.version}" if self._latin else ""
        return f"{self._voice.version}+{_RECIPE}+{_words()}{latin}"

    def warm(self) -> None:
        """Load what `voice` needs; with that of the default language also the words for numbers."""
        self._voice.warm()
        if self.language == _DEFAULT:
            from onhook.speech.reading.normalise import spoken_form

            spoken_form("2026-03-14 17:05, $1", self.language)

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText`."""
        from onhook.speech.reading.normalise import spoken_form  # here: the process is ready sooner

        text = spoken_form(text, self.language)
        runs = list(latin_runs(text)) if self._latin else []
        if self._latin is None or not any(is_latin for is_latin, _ in runs):
            yield from self._voice.synthesise(text)
            return
        require_readable(text, written_in(self.language), self.language)
        yield from self._joined(self._latin, runs)

    def _joined(self, latin: Voice, runs: list[tuple[bool, str]]) -> Iterator[Sound]:
        """Each run at the telephone's rate and level, from silence to silence: nothing clicks."""
        gap_s = 0.0
        for is_latin, run in runs:
            if not any(character.isalnum() for character in run):
                gap_s = _PAUSE_S if run.strip() else gap_s
                continue
            pcm = self._in_latin(latin, run) if is_latin else _pcm(self._voice, run)
            if len(pcm):
                yield _sound(pcm, gap_s)
                gap_s = _GAP_S

    def _in_latin(self, latin: Voice, run: str) -> Pcm:
        try:
            return _pcm(latin, run)
        except CannotConvertText:
            return _pcm(self._voice, run)


def _pcm(voice: Voice, text: str) -> Pcm:
    """`text` on the telephone, without the silence around it."""
    import numpy as np  # here, because the process is ready sooner without it

    narrowband: Narrowband | None = None
    for sound in voice.synthesise(text):
        narrowband = narrowband or Narrowband(sound.rate_hz)
        narrowband.feed(sound.samples)
    if narrowband is None:
        return np.zeros(0, np.int16)
    pcm = narrowband.finish()
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _QUIET)
    if not len(loud):
        return pcm[:0]
    return faded(levelled(pcm[max(0, loud[0] - _MARGIN) : loud[-1] + _MARGIN]))


def _sound(pcm: Pcm, gap_s: float) -> Sound:
    import numpy as np

    samples = np.zeros(round(gap_s * RATE_HZ) + len(pcm), np.float32)
    samples[len(samples) - len(pcm) :] = pcm.astype(np.float32) / np.float32(32768)
    return Sound(samples, RATE_HZ)


@lru_cache(maxsize=1)
def _words() -> str:
    """The version of the words that are used for dates, money and the like."""
    return installed_version("babel")
