"""A change and its entry in the audit, as one transaction."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from onhook.store import schema
from onhook.store.database import Database, StoreError


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: by whom, by which of WAYS, what (``app remove``), and of which thing."""

    who: str
    way: str
    what: str
    which: str
    detail: str = ""
    """What else there is to say, without secrets and phone numbers."""
    at_ms: int = 0
    entry: int = 0


class Conflict(StoreError):
    """What was to be added is there already, or what it refers to is not."""


async def change_noted(
    database: Database, work: Callable[[Connection], int], noted: AuditEntry | None = None
) -> bool:
    """Runs ``work``, which returns how many rows it changed, and where there were any adds the entry for the
    audit in the same transaction: there is no change without its entry, wherever a process dies.

    Whether anything was changed. Raises StoreError; :class:`Conflict` where ``work`` meets one.
    """
    values = None if noted is None else _values(noted)
    tried, conflict = False, False

    def whole(connection: Connection) -> int:
        nonlocal tried, conflict
        if tried and values is not None and _is_there(connection, values):
            return 1  # only the word of the first try's commit was lost
        tried = True
        try:
            changed = work(connection)
        except IntegrityError:
            conflict = True
            raise
        if changed > 0 and values is not None:
            connection.execute(insert(schema.audit), values)
        return changed

    try:
        return await database.transact(whole) > 0
    except SQLAlchemyError as error:
        kind = Conflict if conflict else StoreError
        raise kind(f"The database refused a change: {type(error).__name__}.") from error


def _values(entry: AuditEntry) -> dict[str, Any]:
    values = asdict(entry)
    del values["entry"]
    return values | {
        "at_ms": entry.at_ms or round(time.time() * 1000),
        "who": entry.who[:80],
    }


def _is_there(connection: Connection, values: dict[str, Any]) -> bool:
    """Whether a transaction whose end nobody heard of has written this very entry."""
    table = schema.audit
    same = [table.c[name] == value for name, value in values.items()]
    return connection.execute(select(table.c.entry).where(*same).limit(1)).first() is not None
