"""``onhook serve``: logging, the event loop, and one sentence when it cannot start."""

import logging
import sys
from typing import TextIO, cast

import structlog
import uvloop

from onhook.server.process import Server, StartError
from onhook.server.settings import Settings


def serve(settings: Settings) -> str | None:
    """Runs the server to its end; returns why it could not start, if it could not."""
    _configure_logs()
    try:
        uvloop.run(Server(settings).run())
    except StartError as error:
        return str(error)
    return None


def _configure_logs() -> None:
    """One event a line on standard error, as JSON; other libraries from warnings on."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Unfailing(sys.stderr))),
        cache_logger_on_first_use=True,
    )


class _Unfailing:
    """Standard error that never fails: a log on a full disk must not end the calls it is about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes, or loses, a line."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # a full disk, a pipe that nobody reads; a closed stream
            return len(text)

    def flush(self) -> None:
        """Passes on what was written, or loses it."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return
