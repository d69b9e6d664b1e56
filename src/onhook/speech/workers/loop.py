"""What worker programs have in common, but for that of the formant engine, which shares no code.

A message is four bytes of length (big endian) and as many bytes: jobs on standard input, answers on
standard output; both may be one socket. The first message is an answer without a job: the worker is ready.
The process ends when its input does, and is ended by the kernel when a job takes too long, whoever is left
to notice.
"""

import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

from onhook.speech.voices import Sound

_STANDARD_OUTPUT = 1
_STANDARD_ERROR = 2


def serve(load: Callable[[], Callable[[bytes], bytes]], alarm_s: float) -> None:
    """Answer jobs with what `load` gives until there is no input. A job may take `alarm_s` seconds."""
    # Whoever ends the server ends this through its socket; a signal to all must not cut a message.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    output = _own_output()
    answer = load()
    _write(output, b"+")
    while job := _read(sys.stdin.buffer):
        signal.setitimer(signal.ITIMER_REAL, alarm_s)
        found = answer(job)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(output, found)


def packed(sound: Sound) -> bytes:
    """A sound as an answer: `+`, the rate (four bytes), 16-bit samples in the machine's byte order."""
    import numpy as np

    samples = np.nan_to_num(np.asarray(sound.samples, np.float32).reshape(-1))
    pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)
    return b"+" + struct.pack(">I", sound.rate_hz) + pcm.tobytes()


def refused(reason: str) -> bytes:
    """Why there is no result, without the text."""
    return b"-" + reason.encode(errors="replace")


def _read(stream: BinaryIO) -> bytes:
    """The next message; empty at the end of the input."""
    head = stream.read(4)
    return stream.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""


def _write(stream: BinaryIO, message: bytes) -> None:
    stream.write(struct.pack(">I", len(message)) + message)
    stream.flush()


def _own_output() -> BinaryIO:
    """Standard output for messages alone: what libraries print goes to standard error."""
    own = os.fdopen(os.dup(_STANDARD_OUTPUT), "wb")
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)
    return own
