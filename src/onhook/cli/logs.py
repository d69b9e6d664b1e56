"""The log: one event a line, as JSON, on standard error; and no more of it than can be read.

Whoever calls and whoever connects decides how often something is logged. Most events belong to a call or
to a request, and are each of interest. Of the others, which say the same time and again, and of the
tracebacks of any, so many are written in a while; the next one says how many were left out.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

ALIKE = frozenset(
    (
        "call_refused",
        "name_lookup_failed",
        "number_lookup_failed",
        "sip_invite_refused",
        "sip_message_failed",
        "sip_on_call_failed",
        "sip_registration_refused",
        "sip_stranger_refused",
    )
)
"""Events of which one is like the next, and a flood is a flood of somebody else's making."""

AT_ONCE = 20
WITHIN_S = 10.0
"""So many lines of an event that is one of `ALIKE`, and so many tracebacks of any, in so long."""


def configure_logs(*, private: bool = False) -> None:
    """One event a line on standard error, as JSON; other libraries from warnings on.

    What an event has under ``private`` (phone numbers) is left out unless it is asked for.
    """
    stream = cast(TextIO, _Unfailing(sys.stderr))
    both: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    as_json = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            Spared(),
            *(() if private else (_without_private,)),
            *both,
            as_json,
        ],
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
    handler.addFilter(_SparedLibraries())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # It warns of every request that is not HTTP: strangers would write our log. They are counted.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.captureWarnings(True)


def _without_private(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop("private", None)
    return event


class Spared:
    """A processor of structlog that leaves out what is too much. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Structlog: one event. Raises DropEvent for one too many."""
        name = str(event["event"])
        if name not in ALIKE and not event.get("exc_info"):
            return event
        # There are as many windows as there are names of events in the source.
        left_out = self._windows.setdefault(name, _Window()).take(self._clock())
        if left_out is None and name in ALIKE:
            raise structlog.DropEvent
        if left_out is None:
            del event["exc_info"]
            event["traceback"] = "left out"
        elif left_out:
            event["left_out"] = left_out
        return event


class _SparedLibraries(logging.Filter):
    """The same for what other libraries log, whose events have no names; all of it is alike."""

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[str, _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Logging: whether to write it."""
        left_out = self._windows.setdefault(record.name, _Window()).take(time.monotonic())
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} before it were left out)"
            record.args = ()
        return left_out is not None


class _Window:
    """Counts what was let through since it began."""

    def __init__(self) -> None:
        self._began_s = float("-inf")
        self._count = self._left_out = 0

    def take(self, now_s: float) -> int | None:
        """How many were left out before this one; None if it is to be left out itself."""
        if now_s - self._began_s >= WITHIN_S:
            self._began_s, self._count = now_s, 0
        if self._count >= AT_ONCE:
            self._left_out += 1
            return None
        self._count += 1
        left_out, self._left_out = self._left_out, 0
        return left_out


class _Unfailing:
    """Standard error that never fails: a log on a full disk must not end the calls it is about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes a line, or loses it in silence."""
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
