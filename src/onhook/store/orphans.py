"""What a worker left behind when it stopped without ending its calls."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from onhook.store import schema
from onhook.store.records import CallRecord, WorkerAlive

if TYPE_CHECKING:
    from onhook.store.sql import Store


async def orphans(store: "Store", owner: str) -> Sequence[CallRecord]:
    """The worker's calls that are not over, and those that are but not yet at the phone; oldest first."""
    table = schema.calls
    left = table.c.owner == owner, text("dialog <> ''")  # in the words of the index
    statement = select(table).where(*left).order_by(table.c.began_ms)
    return await store.records(CallRecord, statement)


async def last_alive(store: "Store", owner: str) -> WorkerAlive | None:
    """When the worker last said that it was alive; None if it never did."""
    table = schema.workers
    found = await store.records(WorkerAlive, select(table).where(table.c.owner == owner))
    return found[0] if found else None
