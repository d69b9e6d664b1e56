"""The voices of one plugin behind a pipe: reads jobs from standard input, answers on standard output.

    python -m onhook.speech.plugin_worker PLUGIN ALARM_S

PLUGIN is an entry point of the group `onhook.voices`. A message is four bytes of length (big endian)
and as many bytes. A job is JSON: `{"voice": "alma", "text": "..."}`. An answer is `+`, the rate (four
bytes) and 16-bit samples of one channel in the machine's byte order; or `-` and why there is none.
The first message is an answer without a job: the plugin is loaded.

The process ends when its input does, and is ended by the kernel when a job takes longer than ALARM_S.
"""

import json
import os
import signal
import struct
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import BinaryIO

from onhook.speech.plugins import GROUP, CannotSpeak, Speaker, Unusable, speakers
from onhook.speech.voices import Sound

_STANDARD_OUTPUT = 1
_STANDARD_ERROR = 2


def _answer(voices: Mapping[str, Speaker], job: bytes) -> bytes:
    wish = json.loads(job)
    try:
        return b"+" + _packed(voices[wish["voice"]].synthesise(wish["text"]))
    except CannotSpeak as error:
        return b"-" + str(error).encode(errors="replace")
    except Exception as error:  # noqa: BLE001  its message may quote the text: only its type is told
        return b"-" + type(error).__name__.encode()


def _packed(sound: Sound) -> bytes:
    import numpy as np

    samples = np.nan_to_num(np.asarray(sound.samples, np.float32).reshape(-1))
    pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)
    return struct.pack(">I", sound.rate_hz) + pcm.tobytes()


def _read(stream: BinaryIO) -> bytes:
    """The next message; empty at the end of the input."""
    head = stream.read(4)
    return stream.read(struct.unpack(">I", head)[0]) if len(head) == 4 else b""


def _write(stream: BinaryIO, message: bytes) -> None:
    stream.write(struct.pack(">I", len(message)) + message)
    stream.flush()


def _own_output() -> BinaryIO:
    """Standard output for messages alone: what the plugin prints goes to standard error."""
    own = os.fdopen(os.dup(_STANDARD_OUTPUT), "wb")
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)
    return own


def main() -> None:
    """Answer jobs until there is no input."""
    plugin, alarm_s = sys.argv[1:]
    # Whoever ends the server ends this through the pipe; a signal to the group must not cut a message.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    output = _own_output()
    found = entry_points(group=GROUP, name=plugin)
    if not found:
        raise Unusable(f"there is no plugin {plugin!r}")
    voices = speakers(next(iter(found)))
    _write(output, b"+")
    while job := _read(sys.stdin.buffer):
        signal.setitimer(signal.ITIMER_REAL, float(alarm_s))
        answer = _answer(voices, job)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(output, answer)


if __name__ == "__main__":
    main()
