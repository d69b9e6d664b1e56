"""eSpeak NG in processes of its own: a few workers, each replaced when it dies or hangs.

Its library is never loaded here; see `workers/espeak.py` for why, and for what is said on its socket.
"""

import importlib.util
import json
import struct
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final

from onhook.processes.workers import Spawner, Starter
from onhook.speech.errors import EngineUnavailable
from onhook.speech.workers.pool import WorkerPool

JOB_S: Final = 10.0
"""How long a job may take; the engine needs a thousandth of what its speech lasts."""

MAX_SPEECH_S: Final = 600.0
"""Longest speech of one text."""

_RECIPE: Final = 1  # raise it when equal text gets to sound otherwise
_SPARE_S: Final = 2.0  # by which a worker that nobody ends outlives its deadline


class Espeak:
    """The engine. Its methods block, and may be called from several threads; `close` it at the end."""

    def __init__(
        self, workers: int = 2, job_s: float = JOB_S, *, starter: Starter | None = None
    ) -> None:
        self._pool = WorkerPool(
            starter or Spawner(), "espeak", lambda: _arguments(job_s), workers=workers, job_s=job_s
        )
        self._version: str | None = None

    @property
    def version(self) -> str:
        """The engine's version, then that of the way it is driven here."""
        if self._version is None:
            self._version = f"{installed_version('espeakng-loader')}+{_RECIPE}"
        return self._version

    def warm(self) -> None:
        """Start every worker, once. Raises `EngineUnavailable`."""
        self._pool.warm()

    def speak(self, voice: str, text: str) -> tuple[int, bytes]:
        """The rate, and the 16-bit samples, of `text` in a voice by its exact id, such as `yue+f3`.

        Raises `CannotConvertText`, also for a text that kills the engine or keeps it for too long.
        """
        answer = self._pool.ask(json.dumps({"voice": voice, "text": text}).encode())
        return struct.unpack_from(">I", answer)[0], answer[4:]

    def phonemes(self, voice: str, clauses: Sequence[str], tied: bool = False) -> list[str]:
        """Each clause in the phonemes of the IPA. Raises `CannotConvertText`.

        `tied` writes a `^` between the letters of one phoneme, such as a diphthong.
        """
        job = json.dumps({"voice": voice, "clauses": list(clauses), "tied": tied}).encode()
        found: list[str] = json.loads(self._pool.ask(job))
        return found

    def close(self) -> None:
        """End all workers, waiting for their jobs; nothing can be asked afterwards."""
        self._pool.close()


def _arguments(job_s: float) -> list[str]:
    """What the worker is told, which sees no packages itself."""
    package = importlib.util.find_spec("espeakng_loader")
    if package is None or package.origin is None:
        raise EngineUnavailable("The package espeakng-loader is not installed.")
    directory = Path(package.origin).absolute().parent
    return [str(directory), str(job_s + _SPARE_S), str(MAX_SPEECH_S)]
