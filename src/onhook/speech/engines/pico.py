"""SVOX Pico: statistical voices of five languages, in processes of their own. Small, quick, and clearer
on the telephone than the formant engine.

It brings one woman a language. The man is she: spoken lower and faster, then played slower, so that
resonances come down with the pitch and the length stays what it was.
"""

import importlib.util
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version as installed_version
from typing import Final

from onhook.processes.workers import Spawner, Starter
from onhook.speech.engines.pico_text import spoken_pieces
from onhook.speech.errors import CannotConvertText
from onhook.speech.scripts import require_readable, written_in
from onhook.speech.voices import Gender, Samples, Sound
from onhook.speech.workers.pool import WorkerPool

JOB_S: Final = 10.0
"""How long a piece may take; it needs a hundredth of what its speech lasts."""

MAX_SPEECH_S: Final = 600.0
"""Longest speech of one text."""

_RECIPE: Final = 1  # raise it when equal text gets to sound otherwise
_WORKERS: Final = 2
_SPARE_S: Final = 2.0  # by which a worker that nobody ends outlives its deadline
_LEVELS: Final = {"volume": 35}  # per cent; as loud as it comes, it clips
_LOWER: Final = {"pitch": 70, "speed": 115}
_SLOWER: Final = 0.87  # by which the man is played: as long as the woman in the end
_QUIET: Final = 64 / 32768  # the loudest sample of what is no speech but a pause
_PAUSE_S: Final = 0.2  # of the silence behind a piece, which lasts up to 0.8 s, so much is kept


@dataclass(frozen=True, slots=True)
class Spoken:
    """A language by its tag, and the engine's name for it."""

    tag: str
    voice: str


LANGUAGES: Final = (
    Spoken("en-GB", "en-GB"),
    Spoken("es-ES", "es-ES"),
    Spoken("fr", "fr-FR"),
    Spoken("de", "de-DE"),
    Spoken("it", "it-IT"),
)


def installed() -> bool:
    """Whether the package is there. It is a dependency; where it cannot be built, another engine speaks."""
    return importlib.util.find_spec("py_nanotts") is not None


class Pico:
    """The engine, in workers that are started when they are first needed; `close` it."""

    def __init__(
        self, workers: int = _WORKERS, job_s: float = JOB_S, *, starter: Starter | None = None
    ) -> None:
        self._pool = WorkerPool(
            starter or Spawner(),
            "pico",
            lambda: [str(job_s + _SPARE_S)],
            workers=workers,
            job_s=job_s,
        )

    def speak(self, voice: str, text: str, **levels: int) -> tuple[int, bytes]:
        """The rate in Hz, and 16-bit samples, of a piece of text in a voice such as `de-DE`.

        `levels` are its pitch, speed and volume in per cent. Raises `CannotConvertText`, also for a
        text that kills the engine or keeps it for too long.
        """
        job = {"voice": voice, "text": text, "levels": levels}
        answer = self._pool.ask(json.dumps(job).encode())
        return struct.unpack_from(">I", answer)[0], answer[4:]

    def close(self) -> None:
        """End all workers, waiting for their jobs; nothing can be asked afterwards."""
        self._pool.close()


class PicoVoice:
    """One language and gender (a `Voice`). All of them share one `pico`.

    Equal text gives the same speech, but not to the bit: there is noise in the engine's consonants.
    """

    engine = "pico"
    licence = "Apache-2.0"

    def __init__(self, pico: Pico, spoken: Spoken, gender: Gender) -> None:
        self._pico = pico
        self._spoken = spoken
        self.name = f"{spoken.voice}+{gender.value}"
        self.language = spoken.tag
        self.gender = gender
        self.quality = (
            "statistical" if gender is Gender.FEMALE else "statistical, a woman's voice lowered"
        )

    @property
    def version(self) -> str:
        """That of the package, which brings the voices, and of the way it is driven here."""
        return _version()

    def warm(self) -> None:
        """Load nothing ahead: the workers start with the first message."""

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText`, also for another script."""
        require_readable(text, written_in(self.language), self.language)
        left_s = MAX_SPEECH_S
        for piece in spoken_pieces(text, self.language.partition("-")[0]):
            sound = self._piece(piece)
            left_s -= len(sound.samples) / sound.rate_hz
            if left_s < 0:
                raise CannotConvertText(
                    f"The text of msg is spoken for more than {MAX_SPEECH_S:.0f} seconds."
                )
            yield sound

    def _piece(self, text: str) -> Sound:
        import numpy as np  # here, because the process is ready sooner without it

        lower = _LOWER if self.gender is Gender.MALE else {}
        rate_hz, pcm = self._pico.speak(self._spoken.voice, text, **_LEVELS, **lower)
        if lower:
            rate_hz = round(rate_hz * _SLOWER)
        samples = np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
        return Sound(_ended(samples, round(_PAUSE_S * rate_hz)), rate_hz)


def pico_voices(pico: Pico) -> list[PicoVoice]:
    """Each of `LANGUAGES`, female and male."""
    return [
        PicoVoice(pico, spoken, gender)
        for spoken in LANGUAGES
        for gender in (Gender.FEMALE, Gender.MALE)
    ]


def _ended(samples: Samples, pause: int) -> Samples:
    """`samples` with at most `pause` of silence at their end. Raises `CannotConvertText` for silence alone.

    For what it cannot pronounce the engine gives nothing, or a stretch of silence, and no error.
    """
    import numpy as np

    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    if not len(loud):
        raise CannotConvertText
    return samples[: int(loud[-1]) + 1 + pause]


@lru_cache(maxsize=1)
def _version() -> str:
    return f"{installed_version('py-nanotts')}+{_RECIPE}"
