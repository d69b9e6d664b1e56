"""A plugin's voice, spoken by worker processes of its own: it can hang and crash without harm."""

import json
import struct
from collections.abc import Iterator
from typing import Final

import structlog

from onhook.processes.workers import Spawner, Starter
from onhook.speech.engines.pieces import pieces
from onhook.speech.errors import CannotConvertText, EngineUnavailable
from onhook.speech.plugins import Described
from onhook.speech.voices import Sound
from onhook.speech.workers.pool import WorkerPool

log = structlog.get_logger()

PIECE_S: Final = 10.0
"""How long a plugin may take for one piece of a text."""

_WORKERS: Final = 2
_START_S: Final = 30.0
_SPARE_S: Final = 2.0  # by which a worker that nobody ends outlives its deadline
_MAX_RATE_HZ: Final = 192_000
_MIN_RATE_HZ: Final = 4_000


class Plugin:
    """The workers of one entry point. They see the environment of the server: settings, keys."""

    def __init__(
        self, name: str, piece_s: float = PIECE_S, *, starter: Starter | None = None
    ) -> None:
        self._pool = WorkerPool(
            starter or Spawner(),
            "plugin",
            lambda: [name, str(piece_s + _SPARE_S)],
            workers=_WORKERS,
            job_s=piece_s,
            start_s=_START_S,
        )

    def warm(self) -> None:
        """Start every worker, once. Raises `EngineUnavailable`."""
        self._pool.warm()

    def speak(self, voice: str, text: str) -> tuple[int, bytes]:
        """The rate, and the 16-bit samples, of `text`. Raises `CannotConvertText`."""
        answer = self._pool.ask(json.dumps({"voice": voice, "text": text}).encode())
        return struct.unpack_from(">I", answer)[0], answer[4:]

    def close(self) -> None:
        """End all workers; nothing can be asked afterwards."""
        self._pool.close()


class PluggedVoice:
    """A voice of a plugin (a `Voice`). It gets the text as it is in the message, piece by piece."""

    def __init__(self, plugin: Plugin, described: Described) -> None:
        self._plugin = plugin
        self._described = described
        self.engine = described.plugin
        self.version = described.version
        self.name = described.name
        self.language = described.language
        self.gender = described.gender
        self.quality = described.quality

    def warm(self) -> None:
        """Start the workers. One that cannot be started is logged: other voices are not its matter."""
        try:
            self._plugin.warm()
        except EngineUnavailable as error:
            log.error("voice_plugin_not_started", plugin=self.engine, reason=str(error))

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText`."""
        import numpy as np  # here, because the process is ready sooner without it

        rates_hz: set[int] = set()
        for piece in pieces(text):
            if not any(character.isalnum() for character in piece):
                continue
            rate_hz, pcm = self._speak(piece)
            rates_hz.add(rate_hz)
            if len(rates_hz) > 1 or not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
                log.warning("voice_plugin_rate", plugin=self.engine, rates_hz=sorted(rates_hz))
                raise CannotConvertText
            samples = np.frombuffer(pcm, np.int16).astype(np.float32) * np.float32(1 / 32768)
            if len(samples):
                yield Sound(samples, rate_hz)

    def _speak(self, piece: str) -> tuple[int, bytes]:
        try:
            return self._plugin.speak(self.name, piece)
        except EngineUnavailable as error:
            log.error("voice_plugin_not_started", plugin=self.engine, reason=str(error))
            raise CannotConvertText from None
