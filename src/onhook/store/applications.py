"""Applications that are there, and taking one away."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from onhook.store import schema
from onhook.store.noted import AuditEntry
from onhook.store.records import Application

if TYPE_CHECKING:
    from onhook.store.sql import Store


async def all_applications(store: "Store") -> Sequence[Application]:
    """Those that were not removed, the oldest first. Raises StoreError."""
    table = schema.applications
    there = select(table).where(table.c.removed_ms.is_(None))
    return await store.records(Application, there.order_by(table.c.created_ms, table.c.app_id))


async def change_application(
    store: "Store", app_id: str, changes: Mapping[str, str], noted: AuditEntry | None = None
) -> bool:
    """Other values of its columns: its ``name`` for people; ``format``, how its calls are told (``form``,
    ``json``); ``detail``, whether it is told why they ended (``why``, ``none``). False if there is none such.
    Raises StoreError."""
    table = schema.applications
    there = (table.c.app_id == app_id) & table.c.removed_ms.is_(None)
    return await store.change(update(table).where(there).values(**changes), noted)


async def mark_removed(
    store: "Store", app_id: str, now_ms: int, noted: AuditEntry | None = None
) -> bool:
    """From now on its token opens nothing; False if there is no such application. Raises StoreError.

    Its row stays: calls and ledger refer to it, and what is still to be told is signed with its secrets.
    """
    table = schema.applications
    there = (table.c.app_id == app_id) & table.c.removed_ms.is_(None)
    return await store.change(update(table).where(there).values(removed_ms=now_ms), noted)
