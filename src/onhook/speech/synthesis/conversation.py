"""What is said with one process that speaks: several texts at a time, each by a thread of ours that waits."""

import json
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from queue import Empty, SimpleQueue
from socket import MSG_DONTWAIT
from typing import Any, Final

import structlog

from onhook.processes.workers import Worker
from onhook.speech.errors import WorkerDied, WorkerFailed, WorkerLate
from onhook.speech.synthesis.messages import (
    LENGTH_BYTES,
    Abandon,
    Answer,
    Kind,
    Step,
    VoiceName,
    length,
    packed,
    unpacked_answer,
)

log = structlog.get_logger()

SILENT_S: Final = 10.0
"""A process that is asked for something, and says nothing at all for so long, hangs."""

_LOOK_S: Final = 0.05  # how often who waits looks whether anybody still wants it


class Conversation:
    """One process, which this takes, and whatever is asked of it. Methods may be called by any thread.

    `on_end` is called once it has ended, in a thread of this conversation's own.
    """

    def __init__(self, worker: Worker, on_end: Callable[["Conversation"], object]) -> None:
        self._worker = worker
        self._on_end = on_end
        self._numbers = count(1)
        self._waiting: dict[int, SimpleQueue[Answer | None]] = {}
        self._lock = threading.Lock()  # of `_waiting` and `_ended`
        self._sending = threading.Lock()
        self._ended = False
        self._ready = threading.Event()
        self._heard_at = time.monotonic()
        self._forgotten: deque[int] = deque()
        self.utterances: set[int] = set()
        """Texts that are not spoken to their end yet."""
        self.begun_at = time.monotonic()
        threading.Thread(target=self._listen, name="speech-answers", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._worker.pid

    @property
    def ended(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._ended

    def wait_ready(self, patience_s: float) -> None:
        """Returns once it has said that it can be asked.

        Raises `WorkerLate` if it has not in time, `WorkerDied` if it ended before; it has ended then.
        """
        if not self._ready.wait(patience_s):
            self.end()
            raise WorkerLate
        if self._ended:
            raise WorkerDied

    def begin(self) -> int:
        """A number for a text; `leave` it."""
        number = next(self._numbers)
        self.utterances.add(number)
        return number

    def leave(self, utterance: int) -> None:
        """Nothing more of that text is wanted. Never blocks: the process is told with the next step."""
        if utterance in self.utterances:
            self.utterances.discard(utterance)
            self._forgotten.append(utterance)

    def ask(
        self,
        utterance: int,
        voice: VoiceName,
        text: str,
        *,
        whole: bool,
        checkpoint: Callable[[], None],
    ) -> Answer:
        """The answer to a step. Raises a leaf of `WorkerFailed`, after which it has ended.

        What `checkpoint` raises ends the waiting, and the process's work on the text.
        """
        number = next(self._numbers)
        answers: SimpleQueue[Answer | None] = SimpleQueue()
        with self._lock:
            if self._ended:
                raise WorkerDied
            if not self._waiting:  # nothing was to be heard until now
                self._heard_at = time.monotonic()
            self._waiting[number] = answers
        try:
            self._send(packed(Step(number, utterance, voice, text, whole, self._forget())))
            return self._answer(answers, checkpoint)
        except WorkerFailed:
            self.end()
            raise
        except BaseException:
            self._abandon(utterance)
            raise
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def end(self) -> None:
        """End the process; whoever waits for an answer is told. Nothing can be asked from now on."""
        with self._lock:
            self._ended = True
        self._worker.kill()

    def _forget(self) -> tuple[int, ...]:
        found: list[int] = []
        while self._forgotten:
            found.append(self._forgotten.popleft())
        return tuple(found)

    def _answer(
        self, answers: "SimpleQueue[Answer | None]", checkpoint: Callable[[], None]
    ) -> Answer:
        while True:
            try:
                answer = answers.get(timeout=_LOOK_S)
            except Empty:
                checkpoint()
                if time.monotonic() - self._heard_at > SILENT_S:
                    raise WorkerLate from None
                continue
            if answer is None:
                raise WorkerDied
            return answer

    def _abandon(self, utterance: int) -> None:
        self.utterances.discard(utterance)
        try:
            self._send(packed(Abandon(utterance)))
        except WorkerFailed:
            self.end()

    def _send(self, message: bytes) -> None:
        ends = time.monotonic() + SILENT_S
        rest = memoryview(message)
        with self._sending:
            while rest:
                try:
                    rest = rest[self._worker.socket.send(rest, MSG_DONTWAIT) :]
                except BlockingIOError:
                    self._await_room(ends)
                except OSError:
                    raise WorkerDied from None

    def _await_room(self, ends: float) -> None:
        poll = select.poll()
        poll.register(self._worker.socket, select.POLLOUT)
        if not poll.poll(max(0.0, ends - time.monotonic()) * 1000):
            raise WorkerLate

    # In its own thread

    def _listen(self) -> None:
        try:
            with self._worker.socket.makefile("rb") as stream:
                while head := stream.read(LENGTH_BYTES):
                    self._take(unpacked_answer(stream.read(length(head))))
        except (OSError, ValueError) as error:  # ended in the middle of it, or no answer
            log.debug("speech_conversation_ended", reason=type(error).__name__)
        self.end()
        with self._lock:
            waiting = list(self._waiting.values())
        self._ready.set()
        for answers in waiting:
            answers.put(None)
        with self._sending:  # its number may soon be that of another
            self._worker.close()
        self._on_end(self)

    def _take(self, answer: Answer) -> None:
        self._heard_at = time.monotonic()
        if answer.kind is Kind.READY:
            self._ready.set()
        elif answer.kind is Kind.LOGGED:
            _log(answer.content)
        elif answer.number:
            with self._lock:
                answers = self._waiting.get(answer.number)
            if answers is not None:
                answers.put(answer)


def _log(content: bytes) -> None:
    """An event of the process, in our log."""
    told: dict[str, Any] = json.loads(content)
    level, event = told.pop("level"), told.pop("event")
    getattr(log, level)(event, **told)
