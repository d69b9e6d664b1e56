"""Who has texts spoken: one process with all voices, and one that stands by until it is needed.

The process starts with the first text, has one copy of each model that it was asked for, and is ended when
nobody has spoken for a while. A process without models, whose imports are done, stands by, so that the
first text waits for nothing but its model.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from onhook.processes.workers import Spawner, Starter, Worker
from onhook.speech.engines import english_ahead
from onhook.speech.errors import (
    CannotConvertText,
    EngineUnavailable,
    SpeechError,
    WorkerDied,
    WorkerFailed,
    WorkerLate,
)
from onhook.speech.narrowband import PcmBuffer
from onhook.speech.synthesis.conversation import Conversation
from onhook.speech.synthesis.messages import EXPERIMENTAL, Answer, Kind, VoiceName
from onhook.speech.voices import Voice

log = structlog.get_logger()

PROGRAM: Final = "models"
AHEAD: Final = "ahead"

START_S: Final = 30.0
"""How long a process may take to be ready."""

IDLE_S: Final = 600.0
"""How long a process stays that nobody asks for anything."""

_AHEAD_S: Final = 300.0
_SOUND_S: Final = 10.0  # a process that lived so long was not broken from the start
_LONGEST_PAUSE_S: Final = 60.0


class Synthesiser:
    """The processes. Methods block, and may be called from several threads at once; `close` it.

    `voices` is the directory of Piper voices, `made_ahead` that of `engines.english_ahead`; with an
    `idle_s` of 0 a process stays for good. With `experimental` it has the experimental voices, too.
    """

    def __init__(
        self,
        voices: Path | None = None,
        *,
        made_ahead: Path | None = None,
        starter: Starter | None = None,
        idle_s: float = IDLE_S,
        start_s: float = START_S,
        experimental: bool = False,
    ) -> None:
        # A supervisor of an older build takes the first two only.
        which = (EXPERIMENTAL,) if experimental else ()
        self._arguments = (_argument(voices), _argument(made_ahead), *which)
        self._made_ahead = made_ahead
        self._making: Worker | None = None
        self._starter = starter or Spawner()
        self._idle_s = idle_s
        self._start_s = start_s
        self._lock = threading.Lock()  # held while one starts: who needs it waits for the same one
        self._speaking: Conversation | None = None
        self._standing_by: Conversation | None = None
        self._stands_by = False
        self._works = False
        self._used_at = 0.0
        self._timer: threading.Timer | None = None
        self._pause_s = 0.0
        self._closed = threading.Event()

    @property
    def works(self) -> bool:
        """Whether a process has ever been ready: one that ends at its start was killed then, and another will
        do; where none ever was, something is wrong with the installation."""
        return self._works

    @property
    def process_id(self) -> int | None:
        """Of the process that speaks, None while there is none. Never blocks."""
        speaking = self._speaking
        return None if speaking is None else speaking.pid

    def utterance(self, voice: Voice, text: str) -> "SpokenApart":
        """`text` in `voice`, spoken by the process; nothing is asked of it yet."""
        return SpokenApart(self, VoiceName.of(voice), text)

    def warm(self) -> None:
        """Have a process stand by, from now on whenever none speaks. Raises `EngineUnavailable`.

        Then have made what lets it load English sooner, if it was not made yet.
        """
        self._stands_by = True
        with self._lock:
            self._stand_by()
        if self._made_ahead is not None and not english_ahead.is_there(self._made_ahead):
            self._make_ahead(self._made_ahead)

    def close(self) -> None:
        """End the processes; nothing can be spoken afterwards."""
        self._closed.set()
        with self._lock:
            for conversation in (self._speaking, self._standing_by):
                if conversation is not None:
                    conversation.end()
            self._speaking = self._standing_by = None
            if self._timer is not None:
                self._timer.cancel()
            if self._making is not None:
                self._making.kill()

    def process(self) -> Conversation:
        """The process that speaks; one that stood by, or a new one, if there is none.

        Raises `EngineUnavailable`, and `WorkerDied` when the new one ended before it was ready.
        """
        with self._lock:
            self._used_at = time.monotonic()
            if self._speaking is None or self._speaking.ended:
                standing_by, self._standing_by = self._standing_by, None
                if standing_by is None or standing_by.ended:
                    standing_by = self._started()
                self._speaking = standing_by
            if self._timer is None and self._idle_s:
                self._look_again(self._idle_s)
            return self._speaking

    def _make_ahead(self, directory: Path) -> None:
        """Has somebody else do it: it needs 130 MB for a moment."""
        with self._lock:
            if self._closed.is_set():
                return
            try:
                making = self._making = self._starter.start(AHEAD, _argument(directory))
            except OSError as error:
                log.warning("english_not_made_ahead", reason=str(error))
                return
        with contextlib.closing(making):
            making.socket.settimeout(_AHEAD_S)
            with contextlib.suppress(OSError):
                making.socket.recv(1)  # it says nothing, and ends
        if not self._closed.is_set() and not english_ahead.is_there(directory):
            log.warning("english_not_made_ahead", reason="it failed")

    # With the lock held

    def _started(self) -> Conversation:
        if self._closed.is_set():
            raise EngineUnavailable("The speech engine has been closed.")
        try:
            worker = self._starter.start(PROGRAM, *self._arguments)
        except OSError as error:
            raise EngineUnavailable(f"A speech worker cannot be started: {error}.") from error
        conversation = Conversation(worker, self._on_end)
        try:
            conversation.wait_ready(self._start_s)
        except WorkerLate:
            raise EngineUnavailable("A speech worker was not ready in time.") from None
        self._works = True
        return conversation

    def _stand_by(self) -> None:
        """One that speaks needs no other one to stand by."""
        for conversation in (self._speaking, self._standing_by):
            if conversation is not None and not conversation.ended:
                return
        try:
            self._standing_by = self._started()
        except WorkerDied:
            raise _unavailable() from None

    def _look_again(self, after_s: float) -> None:
        self._timer = threading.Timer(after_s, self._end_if_idle)
        self._timer.daemon = True
        self._timer.start()

    # In threads of their own

    def _end_if_idle(self) -> None:
        with self._lock:
            self._timer = None
            speaking = self._speaking
            if self._closed.is_set() or speaking is None or speaking.ended:
                return
            if speaking.utterances:
                self._used_at = time.monotonic()
            left_s = self._used_at + self._idle_s - time.monotonic()
            if left_s > 0:
                self._look_again(left_s)
                return
            self._speaking = None
            log.info("speech_idle", pid=speaking.pid)
        speaking.end()  # another one stands by when it has ended

    def _on_end(self, conversation: Conversation) -> None:
        """Once one has ended another one stands by: at once, then with growing pauses."""
        if not self._stands_by or self._closed.is_set():
            return
        lasted = time.monotonic() - conversation.begun_at > _SOUND_S
        self._pause_s = 0.0 if lasted else min(_LONGEST_PAUSE_S, 2 * self._pause_s)
        while not self._closed.wait(self._pause_s):
            self._pause_s = max(1.0, self._pause_s)
            try:
                with self._lock:
                    self._stand_by()
            except EngineUnavailable as error:
                if self._closed.is_set():
                    return
                log.error("speech_worker_not_started", reason=str(error))
                self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s)
            else:
                return


class SpokenApart:
    """A text on its way to sound in the process (a `Spoken`). One thread at a time; `close` it.

    When the process dies, also at its start, or hangs it is asked once more, on a new one, if nothing of it
    was given out yet.
    """

    def __init__(self, synthesiser: Synthesiser, voice: VoiceName, text: str) -> None:
        self._synthesiser = synthesiser
        self._voice = voice
        self._text = text
        self._process: Conversation | None = None
        self._number = 0
        self._given_out = False
        self._asked_again = False
        self.begun = False
        self.over = False

    def piece(self, checkpoint: Callable[[], None] = lambda: None) -> PcmBuffer:
        """See `Spoken`."""
        return self._sound(checkpoint, whole=False)

    def whole(self, checkpoint: Callable[[], None] = lambda: None) -> PcmBuffer:
        """See `Spoken`."""
        return self._sound(checkpoint, whole=True)

    def close(self) -> None:
        """Nothing more is wanted. Never blocks."""
        if self._process is not None:
            self._process.leave(self._number)

    def _sound(self, checkpoint: Callable[[], None], *, whole: bool) -> PcmBuffer:
        self.begun = True
        while True:
            try:
                answer = self._ask(checkpoint, whole=whole)
                break
            except WorkerFailed as error:
                log.warning("speech_worker_replaced", reason=type(error).__name__)
                self._process = None
                if self._given_out or self._asked_again:
                    raise self._given_up(error) from None
                self._asked_again = True
        self.over = answer.kind is Kind.LAST
        if answer.kind is Kind.CANNOT:
            raise CannotConvertText(answer.content.decode() or None)
        if answer.kind is Kind.UNAVAILABLE:
            raise EngineUnavailable(answer.content.decode())
        self._given_out = True
        return memoryview(answer.content).cast("h")

    def _ask(self, checkpoint: Callable[[], None], *, whole: bool) -> Answer:
        if self._process is None:
            self._process = self._synthesiser.process()
            self._number = self._process.begin()
        return self._process.ask(
            self._number, self._voice, self._text, whole=whole, checkpoint=checkpoint
        )

    def _given_up(self, error: WorkerFailed) -> SpeechError:
        if not self._synthesiser.works:
            return _unavailable()
        if isinstance(error, WorkerLate):
            return CannotConvertText("The text of msg was not turned into speech in time.")
        return CannotConvertText(
            "The speech engine gave up on the text of msg: write it differently."
        )


def _argument(path: Path | None) -> str:
    return "" if path is None else str(path.absolute())


def _unavailable() -> EngineUnavailable:
    return EngineUnavailable("A speech worker ended before it was ready.")
