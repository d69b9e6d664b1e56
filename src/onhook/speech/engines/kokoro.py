"""Kokoro, with the extra `[kokoro]`: neural voices for languages that only smaller engines speak.

A second of speech costs 0.3 to 0.5 s of CPU, and nothing of a piece is heard before all of it is there, so
messages are best rendered ahead. The model is in packages of the index; the vectors that make a voice of it
are installed by `onhook voice install kokoro`.
"""

import importlib.util
import json
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from onhook.processes.workers import Spawner, Starter
from onhook.speech.engines import kana
from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.japanese import TAG as JAPANESE
from onhook.speech.engines.japanese import OpenJTalk
from onhook.speech.engines.mandarin import mandarin
from onhook.speech.engines.mandarin import version as mandarin_version
from onhook.speech.engines.phonetics import phonetic_sentences
from onhook.speech.engines.pieces import pieces
from onhook.speech.scripts import HAN, require_readable, written_in
from onhook.speech.voices import Gender, Sound
from onhook.speech.workers.kokoro_model import MODEL_SHA256, PARTS
from onhook.speech.workers.pool import WorkerPool

VECTORS: Final = Path(sys.prefix) / "share" / "onhook" / "kokoro"
"""Where the voices' vectors are installed, NAME.bin each."""

PIECE_S: Final = 40.0
"""How long a piece may take: ten times what it takes on a core of its own."""

_RECIPE: Final = 1  # raise it when equal text gets to sound otherwise
_PIECE: Final = 100  # characters, which are about 8 s
_MAX_PHONEMES: Final = 250  # of the 510 that the model takes
_LETTER_S: Final = 0.08  # for a character, on a core with little else to do
_SYLLABLE_S: Final = 0.25  # the same where a character is a syllable or more
_START_S: Final = 60.0
_SPARE_S: Final = 2.0  # by which a worker that nobody ends outlives its deadline


@dataclass(frozen=True, slots=True)
class Spoken:
    """A voice of the model, and the formant engine's exact id of its language; none where the phonemes are
    somebody else's: for Mandarin and Japanese."""

    name: str
    tag: str
    gender: Gender
    phonemes_voice: str = ""
    accent: str = ""
    """Whose accent it has, where the voice is not of that language."""

    @property
    def experimental(self) -> bool:
        """Whether it speaks only where that was asked for: with an accent that is heard."""
        return self in ACCENTED


VOICES: Final = (
    Spoken("bf_emma", "en-GB", Gender.FEMALE, "en"),
    Spoken("bm_george", "en-GB", Gender.MALE, "en"),
    Spoken("zf_xiaoxiao", "zh-CN", Gender.FEMALE),
    Spoken("zm_yunxi", "zh-CN", Gender.MALE),
    Spoken("ef_dora", "es-ES", Gender.FEMALE, "es"),
    Spoken("em_alex", "es-ES", Gender.MALE, "es"),
    Spoken("ff_siwis", "fr", Gender.FEMALE, "fr"),
    Spoken("if_sara", "it", Gender.FEMALE, "it"),
    Spoken("im_nicola", "it", Gender.MALE, "it"),
    Spoken("pf_dora", "pt-BR", Gender.FEMALE, "pt-br"),
    Spoken("pm_alex", "pt-BR", Gender.MALE, "pt-br"),
    Spoken("hf_alpha", "hi", Gender.FEMALE, "hi"),
    Spoken("hm_omega", "hi", Gender.MALE, "hi"),
    Spoken("jf_alpha", "ja", Gender.FEMALE),
    Spoken("jm_kumo", "ja", Gender.MALE),
)

ACCENTED: Final = (
    Spoken("pm_alex", "fr", Gender.MALE, "fr", "Portuguese"),
    Spoken("ef_dora", "id", Gender.FEMALE, "id", "Spanish"),
    Spoken("em_alex", "id", Gender.MALE, "id", "Spanish"),
    Spoken("if_sara", "ms", Gender.FEMALE, "ms", "Italian"),
    Spoken("em_alex", "ms", Gender.MALE, "ms", "Spanish"),
    Spoken("ef_dora", "pl", Gender.FEMALE, "pl", "Spanish"),
    Spoken("im_nicola", "pl", Gender.MALE, "pl", "Italian"),
    Spoken("ef_dora", "ru", Gender.FEMALE, "ru", "Spanish"),
    Spoken("im_nicola", "ru", Gender.MALE, "ru", "Italian"),
    Spoken("ef_dora", "uk", Gender.FEMALE, "uk", "Spanish"),
    Spoken("im_nicola", "uk", Gender.MALE, "uk", "Italian"),
)
"""Experimental: voices of other languages, on the formant engine's phonemes. But for French the model was not
trained with the language either."""

# How the model writes what the formant engine ties together (the tables of misaki, Apache-2.0).
_TIED: Final = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "t^s": "ʦ",
    "t^ʃ": "ʧ", "ɔ^ɪ": "Y",
}  # fmt: skip
_BRITISH: Final = {
    "e^ə": "ɛː", "i^ə": "ɪə", "iə": "ɪə", "ə^l": "ᵊl", "ɚ": "əɹ", "r": "ɹ", "x": "k", "ç": "k",
    "ɐ": "ə", "ɬ": "l", "ɾ": "T", "ʔ": "t", "\u0303": "", "ʲ": "",
}  # fmt: skip


def installed(vectors: Path = VECTORS) -> bool:
    """Whether the extra and a voice are there."""
    packages = (*PARTS, "pypinyin")
    return all(importlib.util.find_spec(name) is not None for name in packages) and any(
        _is_there(vectors, voice) for voice in VOICES
    )


def _is_there(vectors: Path, voice: Spoken) -> bool:
    """An older installation may lack some."""
    return (vectors / f"{voice.name}.bin").is_file()


class Kokoro:
    """The model, in a worker of its own that is started when it is first needed; `close` it."""

    def __init__(
        self,
        vectors: Path = VECTORS,
        piece_s: float = PIECE_S,
        *,
        starter: Starter | None = None,
    ) -> None:
        self._pool = WorkerPool(
            starter or Spawner(),
            "kokoro",
            lambda: [str(vectors.absolute()), str(piece_s + _SPARE_S)],
            workers=1,
            job_s=piece_s,
            start_s=_START_S,
        )

    def speak(self, voice: str, phonemes: str) -> tuple[int, bytes]:
        """The rate in Hz, and 16-bit samples. Raises `CannotConvertText`, also for 510 phonemes or more."""
        answer = self._pool.ask(json.dumps({"voice": voice, "phonemes": phonemes}).encode())
        return struct.unpack_from(">I", answer)[0], answer[4:]

    def close(self) -> None:
        """End the worker; nothing can be asked afterwards."""
        self._pool.close()


class KokoroVoice:
    """One voice of the model (a `Voice`); 24 kHz. Not loaded ahead, since it takes 350 MB.

    Japanese is read by `japanese`.
    """

    engine = "kokoro"
    licence = "Apache-2.0 AND MIT"

    def __init__(
        self,
        kokoro: Kokoro,
        espeak: Espeak,
        spoken: Spoken,
        japanese: OpenJTalk | None = None,
    ) -> None:
        self._kokoro = kokoro
        self._espeak = espeak
        self._spoken = spoken
        self._japanese = japanese
        self.name = spoken.name
        self.language = spoken.tag
        self.gender = spoken.gender
        self.quality = _quality(spoken)
        self.character_s = _SYLLABLE_S if HAN in written_in(spoken.tag) else _LETTER_S
        self._phonemes: Callable[[Sequence[str]], Sequence[str]] = (
            partial(_phonemes, espeak, spoken)
            if spoken.phonemes_voice
            else _mandarin
            if japanese is None
            else partial(_japanese, japanese)
        )

    @property
    def version(self) -> str:
        """That of the model, that of who gives its phonemes, and that of the way it is driven here."""
        if self._spoken.phonemes_voice:
            reader = self._espeak.version
        elif self._japanese is None:
            reader = mandarin_version()
        else:
            reader = self._japanese.version
        return f"{MODEL_SHA256[:12]}+{reader}+{_RECIPE}"

    def warm(self) -> None:
        """Start the engine of the phonemes."""
        self._espeak.warm()

    def synthesise(self, text: str) -> Iterator[Sound]:
        """Speak `text`; see `Voice`. Raises `CannotConvertText`, also for another script."""
        import numpy as np  # here, because the process is ready sooner without it

        require_readable(text, written_in(self.language), self.language)
        for piece in pieces(text, _PIECE):
            for sentence in phonetic_sentences(piece, self._phonemes):
                for part in pieces(sentence, _MAX_PHONEMES):
                    if not any(phoneme.isalpha() for phoneme in part):
                        continue
                    rate_hz, pcm = self._kokoro.speak(self.name, part)
                    samples = np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
                    if len(samples):
                        yield Sound(samples, rate_hz)


def kokoro_voices(
    kokoro: Kokoro,
    espeak: Espeak,
    japanese: OpenJTalk | None = None,
    *,
    vectors: Path = VECTORS,
    experimental: bool = False,
) -> list[KokoroVoice]:
    """Each of `VOICES` whose vector is there, on one model and one formant engine; without `japanese` none
    speaks it. With `experimental` those of `ACCENTED`, too."""
    return [
        KokoroVoice(kokoro, espeak, spoken, japanese if spoken.tag == JAPANESE else None)
        for spoken in (*VOICES, *(ACCENTED if experimental else ()))
        if _is_there(vectors, spoken) and (spoken.tag != JAPANESE or japanese is not None)
    ]


def _quality(spoken: Spoken) -> str:
    if spoken.experimental:
        return f"neural, experimental: a foreign accent ({spoken.accent})"
    return "neural, slow: render ahead"


def _mandarin(clauses: Sequence[str]) -> Sequence[str]:
    return [mandarin(clause) for clause in clauses]


def _japanese(japanese: OpenJTalk, clauses: Sequence[str]) -> Sequence[str]:
    return [kana.phonemes(japanese.words(clause)) for clause in clauses]


def _phonemes(espeak: Espeak, spoken: Spoken, clauses: Sequence[str]) -> Sequence[str]:
    found = espeak.phonemes(spoken.phonemes_voice, clauses, tied=True)
    return [_written(phonemes, british=spoken.tag == "en-GB") for phonemes in found]


def _written(phonemes: str, *, british: bool) -> str:
    for tied, letter in _TIED.items():
        phonemes = phonemes.replace(tied, letter)
    for espeaks, letter in _BRITISH.items() if british else ():
        phonemes = phonemes.replace(espeaks, letter)
    return phonemes.replace("^", "").replace("-", "")
