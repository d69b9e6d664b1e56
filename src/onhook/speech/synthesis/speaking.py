"""What the process that speaks does with what it is told; see `program`."""

import ctypes
import json
import logging
import os
import threading
import time
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from select import POLLIN, poll
from socket import socket
from typing import Any, Final

import structlog

from onhook.speech.errors import CannotConvertText, EngineUnavailable
from onhook.speech.installed import installed_voices
from onhook.speech.synthesis.messages import (
    EXPERIMENTAL,
    LENGTH_BYTES,
    Abandon,
    Answer,
    Kind,
    Step,
    VoiceName,
    length,
    packed_answer,
    unpacked,
)
from onhook.speech.threads import Abandoned
from onhook.speech.utterance import Utterance
from onhook.speech.voices import Catalogue, Voice, character_s

log = structlog.get_logger()

THREADS: Final = 2
"""Steps at a time: a long one does not hold up a short one, and a machine has other things to do. Those of
slow voices have a thread of their own."""

MOST_STEPS: Final = 64
"""Steps that wait for a thread, or have one."""

STUCK_S: Final = 180.0
"""A step that makes no sound for so long is not going to; the slowest engine may need 100 s."""

_ALIVE_S: Final = 1.0

_REST_S: Final = 10.0
"""After so long without work the process gives back what its models need for a moment."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # as in malloc.h
_KEPT_BYTES: Final = 2**31 - 1
_OF_THE_HEAP_BYTES: Final = 2**25  # the highest that the C library takes


def speak(own: socket, voices: Path | None, made_ahead: Path | None, which: str) -> None:
    """Do what is asked until the socket ends; the directories are those of `installed_voices`."""
    answers = Answers(own)
    structlog.configure(
        processors=[structlog.processors.add_log_level, answers.log],
        logger_factory=structlog.ReturnLoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    experimental = which == EXPERIMENTAL
    with installed_voices(voices, made_ahead=made_ahead, experimental=experimental) as catalogue:
        Speaking(catalogue, answers).serve(own)


class Answers:
    """What is said to the server, by any thread."""

    def __init__(self, own: socket) -> None:
        self._own = own
        self._lock = threading.Lock()

    def say(self, answer: Answer) -> None:
        """Say it. The process ends if nobody is there to hear it."""
        try:
            with self._lock:
                self._own.sendall(packed_answer(answer))
        except OSError:
            os._exit(0)

    def log(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
        """The last of structlog's processors."""
        self.say(Answer(Kind.LOGGED, content=json.dumps(dict(event), default=repr).encode()))
        return ""


@dataclass(eq=False)
class _Text:
    """A text that is being spoken."""

    utterance: Utterance
    slow: bool
    abandoned: threading.Event = field(default_factory=threading.Event)
    progress_at: float = field(default_factory=time.monotonic)
    at_work: bool = False

    def checkpoint(self) -> None:
        """Called between two sounds."""
        self.progress_at = time.monotonic()
        if self.abandoned.is_set():
            raise Abandoned


class Speaking:
    """The texts that are being spoken, and the threads that do it."""

    def __init__(self, catalogue: Catalogue, answers: Answers) -> None:
        self._voices = {VoiceName.of(voice): voice for voice in catalogue.speakers}
        self._answers = answers
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="speech")
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="speech-slow")
        self._texts: dict[int, _Text] = {}
        self._places = threading.Semaphore(MOST_STEPS)
        self._resting = True
        self._asked_at = 0.0

    def serve(self, own: socket) -> None:
        """Do what is asked until the socket ends."""
        _keep_memory()
        self._answers.say(Answer(Kind.READY))
        waiting = poll()
        waiting.register(own, POLLIN)
        stream = own.makefile("rb", buffering=0)
        looked_at = time.monotonic()
        while True:
            told = waiting.poll(None if self._resting else _ALIVE_S * 1000)
            if time.monotonic() - looked_at >= _ALIVE_S:
                looked_at = time.monotonic()
                self._look()
            if not told:
                self._rest()
                continue
            head = _exactly(stream, LENGTH_BYTES)
            if not head:
                return
            self._take(unpacked(_exactly(stream, length(head))))

    def _busy(self) -> bool:
        return any(text.at_work for text in list(self._texts.values()))

    def _rest(self) -> None:
        """Once nothing was asked for a while, give back what models needed for a moment."""
        if not self._busy() and time.monotonic() - self._asked_at >= _REST_S:
            ctypes.CDLL(None).malloc_trim(0)
            self._resting = True

    def _look(self) -> None:
        """Tell that the work goes on, unless it does not."""
        if not self._busy():
            return
        stuck_since = time.monotonic() - STUCK_S
        for text in list(self._texts.values()):
            if text.at_work and text.progress_at < stuck_since:
                log.error("speech_stuck")
                os._exit(1)
        self._answers.say(Answer(Kind.ALIVE))

    def _take(self, message: Step | Abandon) -> None:
        self._resting = False
        self._asked_at = time.monotonic()
        if isinstance(message, Abandon):
            text = self._texts.pop(message.utterance, None)
            if text is not None:
                text.abandoned.set()
            return
        for number in message.forget:
            self._texts.pop(number, None)
        text = self._texts.get(message.utterance)
        if text is None:
            voice = self._voices.get(message.voice)
            if voice is None:
                log.error("voice_gone", engine=message.voice.engine, voice=message.voice.name)
                self._answers.say(Answer(Kind.CANNOT, message.number))
                return
            text = self._texts[message.utterance] = _text(voice, message.text)
        self._places.acquire()  # nobody asks for so many but who does not take the answers
        text.progress_at, text.at_work = time.monotonic(), True
        (self._slow if text.slow else self._pool).submit(self._step, text, message)

    # In threads

    def _step(self, text: _Text, step: Step) -> None:
        try:
            answer = self._spoken(text, step)
        except Abandoned:
            return
        except Exception as error:  # noqa: BLE001  the root of a thread; its message may quote the text
            log.error("speech_failed", reason=type(error).__name__)
            answer = _failed(Kind.UNAVAILABLE, step, f"An engine failed ({type(error).__name__}).")
        finally:
            text.at_work = False
            self._places.release()
        if step.whole or answer.kind not in (Kind.PIECE, Kind.LAST):
            self._texts.pop(step.utterance, None)
        self._answers.say(answer)

    def _spoken(self, text: _Text, step: Step) -> Answer:
        text.checkpoint()
        try:
            if step.whole:
                pcm = text.utterance.whole(text.checkpoint)
            else:
                pcm = text.utterance.piece(text.checkpoint)
        except CannotConvertText as error:
            return _failed(Kind.CANNOT, step, error.detail)
        except EngineUnavailable as error:
            return _failed(Kind.UNAVAILABLE, step, str(error))
        kind = Kind.LAST if text.utterance.over else Kind.PIECE
        return Answer(kind, step.number, pcm.tobytes())


def _keep_memory() -> None:
    """Have the C library keep what models need for a moment, until `_rest`: to give it back after every
    sentence and to get it anew, a page at a time, costs a seventh of the time that a sentence takes."""
    c_library = ctypes.CDLL(None)
    c_library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    c_library.mallopt(_M_MMAP_THRESHOLD, _OF_THE_HEAP_BYTES)
    c_library.mallopt(_M_ARENA_MAX, 1)  # only the main one grows beyond 64 MB


def _text(voice: Voice, text: str) -> _Text:
    return _Text(Utterance(voice, text), slow=character_s(voice) > 0)


def _failed(kind: Kind, step: Step, why: str) -> Answer:
    return Answer(kind, step.number, why.encode())


def _exactly(stream: Any, size: int) -> bytes:
    """As many bytes; none at the end of the stream."""
    found = bytearray()
    while len(found) < size:
        chunk = stream.read(size - len(found))
        if not chunk:
            return b""
        found += chunk
    return bytes(found)
