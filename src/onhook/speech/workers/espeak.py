# SPDX-License-Identifier: GPL-3.0-or-later
#
# eSpeak NG is under the GPL, and a process that loads its library becomes one work with it. This file
# is therefore a program of its own under the same license: it is started by its path, nothing imports
# it, it imports nothing of Onhook, and the two share only the messages that are described below.
"""eSpeak NG in a process: reads jobs from standard input, writes answers to standard output.

    espeak.py DIRECTORY ALARM_S MAX_SPEECH_S

DIRECTORY holds `libespeak-ng.so` and `espeak-ng-data`. A message is four bytes of length (big endian)
and as many bytes. A job is JSON: `{"voice": "yue+f3", "text": "..."}` to be spoken, or
`{"voice": "en-us", "clauses": ["..."]}` to be written in phonemes. An answer is `+` and the result,
or `-` and why there is none. Sound is its rate (four bytes) and 16-bit samples of one channel in the
machine's byte order; phonemes are a JSON list, one string of IPA a clause. The first message is an
answer without a job: the engine is loaded.

One job at a time: the engine is not thread-safe. The process ends when its input does, and is ended
by the kernel when a job takes longer than ALARM_S, whoever is left to notice.
"""

import ctypes
import json
import resource
import signal
import struct
import sys
import unicodedata
from pathlib import Path
from typing import Any, BinaryIO

_MAX_JOB_BYTES = 1024 * 1024
_MEMORY_BYTES = 1024 * 1024 * 1024

# Of speak_lib.h.
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8 = 1  # and no flag for SSML, which obeys <break time="100s"/>, or for phonemes in brackets
_IPA = 2
_TIE = 0x80 | ord("^") << 8  # between the letters of one phoneme
_SAMPLE_BYTES = 2

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class JobRefused(Exception):
    """A job that cannot be done; the message says why, without its text."""


class Engine:
    """The library, loaded once."""

    def __init__(self, directory: Path, max_speech_s: float) -> None:
        self._library = ctypes.CDLL(str(directory / "libespeak-ng.so"))
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(directory).encode(), _DONT_EXIT)
        if rate <= 0:
            raise JobRefused("the engine cannot read its data")
        self._rate_hz = int(rate)
        self._max_bytes = int(max_speech_s * rate) * _SAMPLE_BYTES
        self._sound = bytearray()
        self._too_long = False
        self._callback = _Callback(self._take)  # kept: the library keeps only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, voice: str, text: str) -> bytes:
        """The rate, then the sound of `text`."""
        self._choose(voice)
        self._sound.clear()
        self._too_long = False
        encoded = _plain(text).encode()
        size = ctypes.c_size_t(len(encoded) + 1)
        status = self._library.espeak_Synth(encoded, size, 0, 1, 0, _UTF8, None, None)
        if self._too_long:
            raise JobRefused("too long")
        if status != 0:
            raise JobRefused("the engine failed")
        return struct.pack(">I", self._rate_hz) + self._sound

    def phonemes(self, voice: str, clauses: list[str], tied: bool) -> bytes:
        """Phonemes of each clause."""
        self._choose(voice)
        mode = _IPA | _TIE if tied else _IPA
        return json.dumps([self._read(_plain(clause), mode) for clause in clauses]).encode()

    def _read(self, clause: str, mode: int) -> str:
        rest = ctypes.c_char_p(clause.encode())
        found = []
        while rest.value:
            phonemes = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode)
            found.append(phonemes.decode())
        return " ".join(found)

    def _choose(self, voice: str) -> None:
        # For a name that it does not know exactly it says 2, and keeps the voice that it had.
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise JobRefused("no such voice")

    def _take(self, samples: Any, count: int, _events: Any) -> int:
        """Keep the next samples; anything but 0 ends the job."""
        if samples and count > 0:
            self._sound += ctypes.string_at(samples, count * _SAMPLE_BYTES)
            self._too_long = len(self._sound) > self._max_bytes
        return int(self._too_long)


def _plain(text: str) -> str:
    """`text` without what would cut it off (NUL) or mean something: control characters, surrogates."""
    return "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs") else character for character in text
    )


def _answer(engine: Engine, job: bytes) -> bytes:
    try:
        wish = json.loads(job)
        if "clauses" in wish:
            return b"+" + engine.phonemes(wish["voice"], wish["clauses"], bool(wish.get("tied")))
        return b"+" + engine.speak(wish["voice"], wish["text"])
    except JobRefused as error:
        return b"-" + str(error).encode()


def _read(stream: BinaryIO) -> bytes:
    """The next message; empty at the end of the input."""
    head = stream.read(4)
    size = struct.unpack(">I", head)[0] if len(head) == 4 else 0
    return stream.read(size) if size <= _MAX_JOB_BYTES else b""


def _write(stream: BinaryIO, message: bytes) -> None:
    stream.write(struct.pack(">I", len(message)) + message)
    stream.flush()


def main() -> None:
    """Answer jobs until there is no input."""
    directory, alarm_s, max_speech_s = sys.argv[1:]
    # Whoever ends the server ends this through the socket; a signal to all must not cut a message.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    engine = Engine(Path(directory), float(max_speech_s))
    _write(sys.stdout.buffer, b"+")
    while job := _read(sys.stdin.buffer):
        signal.setitimer(signal.ITIMER_REAL, float(alarm_s))
        answer = _answer(engine, job)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(sys.stdout.buffer, answer)


if __name__ == "__main__":
    main()
