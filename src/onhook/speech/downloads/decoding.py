"""Decoding in processes of their own, each with a limit of memory and of time.

A process is kept and used again. One that a file brought down is replaced, and the file is refused.
"""

import math
import select
import time
from socket import MSG_DONTWAIT, socket
from threading import Lock
from typing import Final

import structlog

from onhook.processes.workers import Spawner, Starter, Worker
from onhook.speech.downloads.audio import MAX_DURATION_S
from onhook.speech.downloads.decoding_child import HEADER, KINDS, DecoderReply
from onhook.speech.downloads.kinds import FileKind
from onhook.speech.errors import (
    DecoderBabbled,
    DecoderDied,
    DecoderFailed,
    DecoderLate,
    DecoderNotStarted,
    InvalidFileFormat,
    InvalidFileSize,
)
from onhook.speech.narrowband import RATE_HZ, little_endian
from onhook.speech.threads import Checkpoint

log = structlog.get_logger()

MEMORY_BYTES: Final = 384 * 1024 * 1024
"""What a process may take to decode one file, beside what it took to start."""

DEADLINE_S: Final = 30
"""Seconds that one file may take. An hour of mp3 takes about six on a small machine."""

_START_S: Final = 30.0
_MAX_SOUND_BYTES: Final = (MAX_DURATION_S + 1) * RATE_HZ * 2
_MAX_SENTENCE_BYTES: Final = 1000
_PATIENCE_S: Final = 0.1  # between two looks at whether anybody still waits
_SPARE_S: Final = 5  # by which a process that nobody ends outlives its deadline


class Decoders:
    """As many processes as are used at the same time. Its methods block; for threads.

    A process that nobody ends for a file that takes too long ends itself `spare_s` later.
    """

    def __init__(
        self,
        starter: Starter | None = None,
        *,
        memory_bytes: int = MEMORY_BYTES,
        deadline_s: float = DEADLINE_S,
        spare_s: int = _SPARE_S,
    ) -> None:
        self._starter = starter or Spawner()
        self._limits = (str(memory_bytes), str(math.ceil(deadline_s) + spare_s))
        self._deadline_s = deadline_s
        self._lock = Lock()
        self._idle: list[_Decoder] = []
        self._closed = False

    def decode(
        self, body: bytes, named: FileKind, checkpoint: Checkpoint = lambda: None
    ) -> memoryview:
        """The whole sound of a recording; see `audio.decode`, and `level.levelled`.

        When `checkpoint` raises, the process is ended. Raises `InvalidFileFormat`, also for a file
        that brings a process down, `InvalidFileSize`, or `DecoderNotStarted`.
        """
        decoder = self._take(checkpoint)
        try:
            pcm = decoder.decode(body, named, checkpoint)
        except (InvalidFileFormat, InvalidFileSize):
            self._give_back(decoder)
            raise
        except DecoderFailed as error:
            decoder.end()
            log.warning("decoder_replaced", reason=type(error).__name__, kind=named.value)
            raise InvalidFileFormat(
                "The file of a <url> in msg cannot be decoded: it takes too much time or memory, "
                "or is damaged."
            ) from None
        except BaseException:
            decoder.end()
            raise
        self._give_back(decoder)
        return pcm

    def warm(self, checkpoint: Checkpoint = lambda: None) -> None:
        """Have one process ready. Raises `DecoderNotStarted`."""
        self._give_back(self._take(checkpoint))

    def close(self) -> None:
        """End the idle processes now, and each of the others when its file is decoded."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for decoder in idle:
            decoder.end()

    def _take(self, checkpoint: Checkpoint) -> "_Decoder":
        while True:
            with self._lock:
                decoder = self._idle.pop() if self._idle else None
            if decoder is None:
                return self._started(checkpoint)
            if decoder.alive():
                return decoder
            decoder.end()  # somebody killed it while it had nothing to do

    def _started(self, checkpoint: Checkpoint) -> "_Decoder":
        try:
            worker = self._starter.start("decoder", *self._limits)
        except OSError as error:
            raise DecoderNotStarted(f"a decoder cannot be started: {error}") from error
        return _Decoder(worker, self._deadline_s, checkpoint)

    def _give_back(self, decoder: "_Decoder") -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(decoder)
                return
        decoder.end()


class _Decoder:
    """One process, used by one thread at a time."""

    def __init__(self, worker: Worker, deadline_s: float, checkpoint: Checkpoint) -> None:
        self._worker = worker
        self._socket = worker.socket
        self._deadline_s = deadline_s
        try:
            wait = _Wait(_START_S, checkpoint)
            if HEADER.unpack(self._read(HEADER.size, wait)) != (DecoderReply.READY, 0):
                raise DecoderBabbled
        except DecoderFailed as error:
            self.end()
            raise DecoderNotStarted("a decoder did not become ready") from error
        except BaseException:
            self.end()
            raise

    def alive(self) -> bool:
        """Whether the process can be asked."""
        return self._worker.alive()

    def decode(self, body: bytes, named: FileKind, checkpoint: Checkpoint) -> memoryview:
        """See `Decoders.decode`; raises `DecoderFailed` too."""
        wait = _Wait(self._deadline_s, checkpoint)
        self._write(HEADER.pack(KINDS.index(named), len(body)), wait)
        self._write(body, wait)
        outcome, size_bytes = HEADER.unpack(self._read(HEADER.size, wait))
        sound = outcome == DecoderReply.SOUND
        if size_bytes > (_MAX_SOUND_BYTES if sound else _MAX_SENTENCE_BYTES):
            raise DecoderBabbled
        content = self._read(size_bytes, wait)
        if sound and size_bytes and size_bytes % 2 == 0:
            return little_endian(memoryview(content).cast("h"))
        sentence = content.decode("ascii", errors="replace")
        if outcome == DecoderReply.NO_FORMAT:
            raise InvalidFileFormat(sentence)
        if outcome == DecoderReply.TOO_LONG:
            raise InvalidFileSize(sentence)
        raise DecoderBabbled

    def end(self) -> None:
        """Kill the process and let go of everything; may be called again."""
        self._worker.close()

    def _write(self, content: bytes, wait: "_Wait") -> None:
        left = memoryview(content)
        while len(left):
            if wait.until(self._socket, select.POLLOUT | select.POLLIN) & select.POLLIN:
                raise DecoderBabbled  # it answers, or has ended, before it knows the file
            try:
                left = left[self._socket.send(left, MSG_DONTWAIT) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise DecoderDied from error

    def _read(self, size_bytes: int, wait: "_Wait") -> bytearray:
        content = bytearray(size_bytes)
        left = memoryview(content)
        while len(left):
            wait.until(self._socket, select.POLLIN)
            try:
                count = self._socket.recv_into(left, 0, MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError as error:
                raise DecoderDied from error
            if not count:
                raise DecoderDied
            left = left[count:]
        return content


class _Wait:
    """The time that one exchange may take, and whether anybody still waits for it."""

    def __init__(self, deadline_s: float, checkpoint: Checkpoint) -> None:
        self._due_at = time.monotonic() + deadline_s
        self._checkpoint = checkpoint

    def until(self, end: socket, event: int) -> int:
        """Return what can be done with `end`, once it is anything. Raises `DecoderLate`."""
        poll = select.poll()
        poll.register(end, event)
        while True:
            self._checkpoint()
            left_s = self._due_at - time.monotonic()
            if left_s <= 0:
                raise DecoderLate
            for _, events in poll.poll(min(left_s, _PATIENCE_S) * 1000):
                return events
