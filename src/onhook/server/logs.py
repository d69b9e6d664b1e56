"""The log: one event a line, as JSON, on standard error; and no more of it than can be read.

Whoever calls and whoever connects decides how often something is logged. Most events belong to a call or
to a request, and are each of interest. Of the others, which say the same time and again, and of the
tracebacks of any, so many are written in a while; the next one says how many were left out. Of those that are
one peer's doing, the same is said of it once a minute.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

ALIKE = frozenset(
    (
        "call_refused",
        "name_lookup_failed",
        "number_lookup_failed",
        "sip_message_failed",
        "sip_on_call_failed",
        "sip_registration_refused",
        "sip_stranger_refused",
    )
)
"""Events of which one is like the next, and a flood is a flood of somebody else's making."""

ONE_PEERS: Mapping[str, tuple[str, ...]] = {"sip_invite_refused": ("peer", "status", "why")}
"""Events that a peer of ours can cause as often as it likes, and which fields say that one is as the last."""

_JSON = json.JSONEncoder(default=repr)  # made once: `json.dumps` makes one for each line

AT_ONCE = 20
WITHIN_S = 10.0
"""So many lines of an event of `ALIKE` or `ONE_PEERS`, and so many tracebacks of any, in so long."""
ONE_PEERS_S = 60.0
"""The same of the same peer is written once in so long."""
MAX_PEERS = 1024
"""So many peers, with what is said of them, are remembered; then that of the longest ago is forgotten."""


def configure_logs(role: str, *, private: bool = False) -> None:
    """One event a line on standard error, as JSON, with the role of this process; other libraries from
    warnings on.

    What an event has under ``private`` (phone numbers) is left out unless it is asked for.
    """
    stream = cast(TextIO, _Unfailing(sys.stderr))

    def with_role(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["role"] = role
        return event

    both: list[Processor] = [
        with_role,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    as_json = structlog.processors.JSONRenderer(serializer=_as_json)
    structlog.configure(
        processors=[
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


def _as_json(event: EventDict, **_: object) -> str:
    return _JSON.encode(event)


def _without_private(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event.pop("private", None)
    return event


class Spared:
    """A processor of structlog that leaves out what is too much. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._of_peers: dict[tuple[object, ...], _Window] = {}

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Structlog: one event. Raises DropEvent for one too many."""
        name = str(event["event"])
        whole = name in ALIKE or name in ONE_PEERS
        if not whole and not event.get("exc_info"):
            return event
        same = self._same_of_peer(name, event)
        # There are as many windows as there are names of events in the source.
        left_out = self._windows.setdefault(name, _Window()).take(self._clock())
        if left_out is None and whole:
            raise structlog.DropEvent
        if left_out is None:
            del event["exc_info"]
            event["traceback"] = "left out"
        elif left_out + same:
            event["left_out"] = left_out + same
        return event

    def _same_of_peer(self, name: str, event: EventDict) -> int:
        """How often the same was said of a peer, and left out, since it was written; DropEvent if it was
        written a moment ago."""
        if name not in ONE_PEERS:
            return 0
        key = (name, *(event.get(field) for field in ONE_PEERS[name]))
        window = self._of_peers.setdefault(key, _Window(1, ONE_PEERS_S))
        if len(self._of_peers) > MAX_PEERS:
            del self._of_peers[next(iter(self._of_peers))]
        left_out = window.take(self._clock())
        if left_out is None:
            raise structlog.DropEvent
        return left_out


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
    """Counts what was let through since it began: so much at once, and then nothing for so long."""

    def __init__(self, at_once: int = AT_ONCE, within_s: float = WITHIN_S) -> None:
        self._at_once, self._within_s = at_once, within_s
        self._began_s = float("-inf")
        self._count = self._left_out = 0

    def take(self, now_s: float) -> int | None:
        """How many were left out before this one; None if it is to be left out itself."""
        if now_s - self._began_s >= self._within_s:
            self._began_s, self._count = now_s, 0
        if self._count >= self._at_once:
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
