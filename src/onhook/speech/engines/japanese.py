"""Japanese, with the extra `[ja]`: Open JTalk reads the kanji, and has a female voice of its own.

The male voice is the formant engine's, given kana: without them it spells kanji letter by letter.
"""

import importlib.util
import json
import struct
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version as installed_version
from typing import Final

from onhook.processes.workers import Spawner, Starter
from onhook.speech.engines.formant import FormantVoice
from onhook.speech.engines.languages import Language
from onhook.speech.engines.pieces import pieces
from onhook.speech.scripts import require_readable, written_in
from onhook.speech.voices import Gender, Sound
from onhook.speech.workers.pool import WorkerPool

TAG: Final = "ja"

JOB_S: Final = 10.0
"""How long a piece may take; it needs a seventh of what its speech lasts."""

_RECIPE: Final = 1  # raise it when equal text gets to sound otherwise
_PIECE: Final = 80  # characters, which are about 13 s
_START_S: Final = 20.0
_SPARE_S: Final = 2.0  # by which a worker that nobody ends outlives its deadline

FORMANT: Final = Language(TAG, "ja", written_in(TAG))
"""Japanese as the formant engine speaks it, given kana. Not among `LANGUAGES`: it reads no kanji."""


def installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec("pyopenjtalk") is not None


class OpenJTalk:
    """The engine, in a worker of its own that is started when it is first needed; `close` it."""

    def __init__(self, job_s: float = JOB_S, *, starter: Starter | None = None) -> None:
        self._pool = WorkerPool(
            starter or Spawner(),
            "japanese",
            lambda: [str(job_s + _SPARE_S)],
            workers=1,
            job_s=job_s,
            start_s=_START_S,
        )

    @property
    def version(self) -> str:
        """That of the package, which brings dictionary and voice, and of the way it is driven here."""
        return _version()

    def speak(self, text: str) -> tuple[int, bytes]:
        """The rate, and the 16-bit samples, of `text`. Raises `CannotConvertText`."""
        answer = self._pool.ask(json.dumps({"speak": text}).encode())
        return struct.unpack_from(">I", answer)[0], answer[4:]

    def kana(self, text: str) -> str:
        """`text` as it is pronounced, in katakana. Raises `CannotConvertText`."""
        return self._pool.ask(json.dumps({"kana": text}).encode()).decode()

    def words(self, text: str) -> list[str]:
        """`text` as it is pronounced, word by word, and its marks. Raises `CannotConvertText`."""
        found: list[str] = json.loads(self._pool.ask(json.dumps({"words": text}).encode()))
        return found

    def close(self) -> None:
        """End the worker; nothing can be asked afterwards."""
        self._pool.close()


class JapaneseWoman:
    """The voice "Mei" (a `Voice`); statistical, 48 kHz. Not loaded ahead, since it takes 200 MB."""

    engine = "openjtalk"
    name = "mei"
    language = TAG
    gender = Gender.FEMALE
    quality = "statistical"
    licence = "MIT AND CC-BY-3.0"

    def __init__(self, engine: OpenJTalk) -> None:
        self._engine = engine

    @property
    def version(self) -> str:
        """That of the engine."""
        return self._engine.version

    def warm(self) -> None:
        """Load nothing ahead: the worker starts with the first message in Japanese."""

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText`, also for another script."""
        import numpy as np  # here, because the process is ready sooner without it

        for piece in _pieces(text):
            rate_hz, pcm = self._engine.speak(piece)
            if pcm:
                samples = np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
                yield Sound(samples, rate_hz)


class JapaneseMan:
    """The formant engine's voice, which is given kana (a `Voice`)."""

    language = TAG
    gender = Gender.MALE
    quality = "formant"
    licence = "GPL-3.0-or-later AND MIT"

    def __init__(self, engine: OpenJTalk, formant: FormantVoice) -> None:
        self._engine = engine
        self._formant = formant
        self.engine = formant.engine
        self.name = formant.name

    @property
    def version(self) -> str:
        """Those of both engines."""
        return f"{self._formant.version}+{self._engine.version}"

    def warm(self) -> None:
        """Start the formant engine."""
        self._formant.warm()

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText`, also for another script."""
        for piece in _pieces(text):
            yield from self._formant.synthesise(self._engine.kana(piece))


def _pieces(text: str) -> Iterator[str]:
    require_readable(text, written_in(TAG), "Japanese")
    for piece in pieces(text, _PIECE):
        if any(character.isalnum() for character in piece):
            yield piece


@lru_cache(maxsize=1)
def _version() -> str:
    return f"{installed_version('pyopenjtalk-plus')}+{_RECIPE}"
