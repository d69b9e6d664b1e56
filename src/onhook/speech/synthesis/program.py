"""The process that speaks: all voices of the installation, each loaded when it is first asked for.

    python -m onhook.speech.synthesis.program VOICES MADE_AHEAD [WHICH]

VOICES is the directory of Piper voices, MADE_AHEAD that of `engines.english_ahead`, WHICH is `experimental`
for all voices; each may be empty.
`messages` says what is said, over the socket that is its standard input. It ends when the socket does.
Engines that are processes of their own are its children.
"""

import os
import signal
import sys
from pathlib import Path
from socket import socket

_STANDARD_INPUT = 0
_STANDARD_OUTPUT = 1
_STANDARD_ERROR = 2


def main() -> None:
    """Speak until the socket ends."""
    # Whoever ends the server ends this through the socket; a signal to the group must not cut a message.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    own = socket(fileno=os.dup(_STANDARD_INPUT))
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)  # what libraries print is no answer
    _spare()
    from onhook.speech.synthesis.speaking import speak

    _import()
    voices, made_ahead = (Path(argument) if argument else None for argument in sys.argv[1:3])
    speak(own, voices, made_ahead, "".join(sys.argv[3:]))
    os._exit(0)  # threads that still speak to nobody are no reason to stay


def _spare() -> None:
    """Keep out what takes memory for nothing here: numpy's threads, and rich, structlog's for consoles."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sys.modules["rich"] = None  # type: ignore[assignment]


def _import() -> None:
    """What the first text would wait for, but for models."""
    import babel.dates
    import babel.numbers
    import hibari
    import soxr

    home = os.environ.get("HOME")
    os.environ["HOME"] = (
        os.devnull
    )  # where this library would keep a number for the machine, for its maker
    import onnxruntime

    del os.environ["HOME"]
    if home is not None:
        os.environ["HOME"] = home  # plugins see what they always saw

    import onhook.speech.reading.normalise

    del babel, hibari, onnxruntime, soxr, onhook


if __name__ == "__main__":
    main()
