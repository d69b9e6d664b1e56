"""Lines of the log as the other processes write them, without the library that they use for it."""

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime


def log(event: str, level: str = "info", **fields: object) -> None:
    """Write one event; a log that nobody takes ends nothing."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {"event": event, **fields, "role": "supervisor", "level": level, "timestamp": at}
    with suppress(OSError, ValueError):
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()
