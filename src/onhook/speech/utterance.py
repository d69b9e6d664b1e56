"""A text on its way to sound, piece by piece, so that it can be heard before all of it is spoken."""

import math
import os
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import structlog

from onhook.speech.errors import CannotConvertText
from onhook.speech.level import amplified, gain_db, levelled
from onhook.speech.narrowband import (
    FADE_MS,
    FRAME_SAMPLES,
    RATE_HZ,
    Narrowband,
    Pcm,
    PcmBuffer,
    faded,
)
from onhook.speech.voices import Sound, Voice

log = structlog.get_logger()

PIECE_S: Final = 1.0
"""Shortest piece: long enough for the next one to be ready before it has been heard."""

LEAD_MS: Final = 40
"""Of the silence before the first sound so much is kept; some models begin with a quarter of a second of it,
and who waits on the phone hears nothing of it but that the answer is late."""

QUIET: Final = 32
"""Samples no larger are silence before the first sound: 60 dB below the loudest."""

_FADE_SAMPLES: Final = FADE_MS * RATE_HZ // 1000
_LEAD_SAMPLES: Final = LEAD_MS * RATE_HZ // 1000


class Spoken(Protocol):
    """A text as telephone audio, wherever it is spoken. Blocks; one thread at a time, not always the same.

    The pieces are one sound without a seam: they are whole frames, have the gain that the first one
    needs, and fades only at the beginning of the first and at the end of the last.
    """

    @property
    def begun(self) -> bool:
        """Whether anything has been asked of it."""

    @property
    def over(self) -> bool:
        """Whether all has been spoken."""

    def piece(self, checkpoint: Callable[[], None] = ..., /) -> PcmBuffer:
        """The next piece, of `PIECE_S` or more if that much is left.

        The last one need not be whole frames, and none is to be asked for after it. Raises
        `CannotConvertText`, also for no sound at all.
        """

    def whole(self, checkpoint: Callable[[], None] = ..., /) -> PcmBuffer:
        """All of it, at its own level, whatever was taken in pieces. Raises as `piece` does."""

    def close(self) -> None:
        """Nothing more is wanted of it. Never blocks; harmless at any time."""


class Synthesis(Protocol):
    """What has texts spoken."""

    @property
    def process_id(self) -> int | None:
        """Of the process that speaks, None while there is none. It changes when models are loaded anew."""

    def utterance(self, voice: Voice, text: str) -> Spoken:
        """`text` in `voice`; `close` it. Never blocks."""

    def warm(self) -> None:
        """Have ready what the first text would otherwise wait for. Blocks."""

    def close(self) -> None:
        """End what was begun for it; nothing can be spoken afterwards. Blocks."""


class Here:
    """A `Synthesis` in this process."""

    @property
    def process_id(self) -> int:
        """See `Synthesis`."""
        return os.getpid()

    def utterance(self, voice: Voice, text: str) -> "Utterance":
        """See `Synthesis`."""
        return Utterance(voice, text)

    def warm(self) -> None:
        """Nothing: a model is loaded by the first text."""

    def close(self) -> None:
        """Nothing was begun: the voices are whoever's gave them."""


class Utterance:
    """A `Spoken` by this process."""

    def __init__(self, voice: Voice, text: str) -> None:
        self._voice = voice
        self._text = text
        self._sounds: Iterator[Sound] | None = None
        self._narrowband: Narrowband | None = None
        self._spoken: list[Pcm] = []
        self._held: list[Pcm] = []  # spoken, and in no piece yet
        self._silence: list[Pcm] | None = []  # before the first sound; None once there was one
        self._gain_db: float | None = None
        self.over = False
        """Whether all has been spoken."""

    @property
    def begun(self) -> bool:
        """Whether anything has been asked of it."""
        return self._sounds is not None

    def piece(self, checkpoint: Callable[[], None] = lambda: None) -> Pcm:
        """See `Spoken`."""
        import numpy as np

        begins = self._gain_db is None
        self._speak(PIECE_S, checkpoint)
        sound = np.concatenate(self._held) if self._held else np.zeros(0, np.int16)
        length = len(sound)
        if not self.over:  # what is kept back is long enough for the fade at the end
            length = (length - _FADE_SAMPLES) // FRAME_SAMPLES * FRAME_SAMPLES
        self._held = [sound[length:]]
        if self._gain_db is None:
            self._gain_db = gain_db(sound[:length])
        return faded(amplified(sound[:length], self._gain_db), begins=begins, ends=self.over)

    def whole(self, checkpoint: Callable[[], None] = lambda: None) -> Pcm:
        """See `Spoken`."""
        import numpy as np

        self._speak(math.inf, checkpoint)
        return faded(levelled(np.concatenate(self._spoken)))

    def close(self) -> None:
        """See `Spoken`: there is nothing to be done."""

    def _speak(self, shortest_s: float, checkpoint: Callable[[], None]) -> None:
        """Go on until `shortest_s` are held, or all is spoken."""
        if self._sounds is None:
            self._sounds = self._voice.synthesise(self._text)
        enough = shortest_s * RATE_HZ + _FADE_SAMPLES + FRAME_SAMPLES
        while not self.over and sum(map(len, self._held)) < enough:
            sound = next(self._sounds, None)
            checkpoint()
            if sound is None:
                self._finish()
                return
            if self._narrowband is None:
                self._narrowband = Narrowband(sound.rate_hz)
            self._narrowband.feed(sound.samples)
            self._keep(self._narrowband.take())

    def _finish(self) -> None:
        if self._narrowband is not None:
            self._keep(self._narrowband.finish())
        if self._silence:  # there was nothing else: whoever wrote the voice will have meant it
            self._spoken, self._held = self._silence, list(self._silence)
        samples = sum(map(len, self._spoken))
        if not samples:
            raise CannotConvertText(
                "The voice that was chosen finds nothing in the text of msg that it can speak."
            )
        self.over = True
        log.debug("speech_synthesised", voice=self._voice.name, samples=samples)

    def _keep(self, pcm: Pcm) -> None:
        if self._silence is not None:
            self._silence.append(pcm)
            if not (begun := _from_first_sound(self._silence)).size:
                return
            self._silence, pcm = None, begun
        self._spoken.append(pcm)
        self._held.append(pcm)


def _from_first_sound(chunks: list[Pcm]) -> Pcm:
    """What begins `LEAD_MS` before the first sample that is no silence; empty where none is."""
    import numpy as np

    loud = np.flatnonzero(np.abs(chunks[-1].astype(np.int32)) > QUIET)
    if not loud.size:
        return chunks[-1][:0]
    sound = np.concatenate(chunks)
    first = len(sound) - len(chunks[-1]) + int(loud[0])
    return sound[max(0, first - _LEAD_SAMPLES) :]
