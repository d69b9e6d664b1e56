"""``onhook serve``: logging, the event loop, and one sentence when it cannot start."""

import contextlib
import logging
import resource
import sys
from typing import TextIO, cast

import structlog
import uvloop
from structlog.typing import Processor

from onhook.server.process import Server, StartError
from onhook.server.settings import Settings


def serve(settings: Settings) -> str | None:
    """Runs the server to its end; returns why it could not start, if it could not."""
    _configure_logs()
    _allow_files()
    try:
        uvloop.run(Server(settings).run())
    except StartError as error:
        return str(error)
    return None


def _configure_logs() -> None:
    """One event a line on standard error, as JSON; other libraries from warnings on."""
    stream = cast(TextIO, _Unfailing(sys.stderr))
    both: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    as_json = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*both, as_json],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, as_json],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *both],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # It warns of every request that is not HTTP: strangers would write our log. They are counted.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.captureWarnings(True)


def _allow_files() -> None:
    """Takes as many open files as the system permits: a call needs one, and so does a connection.

    Many systems begin with 1024, for the sake of programs that use select().
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


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
