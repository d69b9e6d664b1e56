"""Counts the SQL statements of a process, whoever has them run, in a file that others can read meanwhile.

`follow` is run at the start of a process (`sitecustomize`), before anything opens a database.
A statement is known by its beginning, up to the first value. Those with many rows count for each row.
"""

import mmap
import re
import sqlite3
import sqlite3.dbapi2
import struct
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

_SLOTS = 256
_SLOT_BYTES = 64
_COUNT_BYTES = 8
_TEXT_BYTES = _SLOT_BYTES - _COUNT_BYTES
_REST = "others"
SUFFIX = ".statements"
_values = re.compile(r"=|'|\bVALUES\b|[0-9?]")
"""Where values begin."""


def follow(file: str) -> None:
    """From now on each statement of each connection of this process counts."""
    note, connect = _counter(Path(file)), sqlite3.connect

    @wraps(connect)
    def connect_and_count(*given: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **named)
        connection.set_trace_callback(note)
        return connection

    for module in (sqlite3, sqlite3.dbapi2):  # this is how libraries reach it
        vars(module)["connect"] = connect_and_count


def _counter(file: Path) -> Callable[[str], None]:
    file.write_bytes(bytes(_SLOTS * _SLOT_BYTES))
    with file.open("r+b") as opened:
        shared = mmap.mmap(opened.fileno(), 0)
    counts = memoryview(shared).cast("Q")
    places: dict[str, int] = {}

    def note(statement: str) -> None:
        begins = _values.split(statement[:_TEXT_BYTES], 1)[0]
        place = places.get(begins)
        if place is None:
            if len(places) == _SLOTS - 1:
                begins = _REST
            place = places.setdefault(begins, len(places))
            at = place * _SLOT_BYTES + _COUNT_BYTES
            text = begins.encode("ascii", "replace")[:_TEXT_BYTES]
            shared[at : at + len(text)] = text
        counts[place * _SLOT_BYTES // _COUNT_BYTES] += 1

    return note


def read(file: Path) -> dict[str, int]:
    """How often each was run so far, by its beginning."""
    found: dict[str, int] = {}
    for count, text in struct.iter_unpack(f"<Q{_TEXT_BYTES}s", file.read_bytes()):
        if count:
            name = " ".join(text.rstrip(b"\0").decode("ascii", "replace").split())
            found[name] = found.get(name, 0) + count
    return found
