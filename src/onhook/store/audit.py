"""Who changed what: entries that are added, and never changed or taken away; the database refuses both.

An entry names things by their ids. A phone number is named by :meth:`onhook.store.Keyring.name_for`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select

from onhook.store import schema
from onhook.store.noted import AuditEntry, change_noted

if TYPE_CHECKING:
    from onhook.store.sql import Store

WAYS = ("cli", "console", "api")


async def write_audit(store: "Store", entry: AuditEntry) -> None:
    """Adds an entry for what is no change of the store, at the time of now unless it has one. It is on disk
    when this returns. Raises StoreError."""
    await change_noted(store.database, lambda _: 1, entry)


async def audit_entries(
    store: "Store", *, before: int | None = None, who: str = "", what: str = "", most: int = 50
) -> Sequence[AuditEntry]:
    """The newest entries, or those before an entry; of somebody, and of what begins like ``what``. Raises
    StoreError."""
    table = schema.audit
    wanted = select(table).order_by(table.c.entry.desc()).limit(most)
    if before is not None:
        wanted = wanted.where(table.c.entry < before)
    if who:
        wanted = wanted.where(table.c.who == who)
    if what:
        wanted = wanted.where(table.c.what.startswith(what, autoescape=True))
    return await store.records(AuditEntry, wanted)
