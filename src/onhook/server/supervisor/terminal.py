"""The terminal that a server was started from, if it was."""

import os
import signal


class Terminal:
    """Made before signals are heard: whoever has SIGHUP ignored (nohup) wants the server to outlive it."""

    def __init__(self) -> None:
        self._mattered = _there() and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN

    def has_gone(self) -> bool:
        """Whether there was one that the server goes with, and it is not there any more."""
        return self._mattered and not _there()


def _there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
