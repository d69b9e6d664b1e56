"""The ways out. A database has a handful of them, so they are read all at once."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from onhook.store import schema
from onhook.store.noted import AuditEntry, Conflict, change_noted
from onhook.store.records import TrunkRecord

if TYPE_CHECKING:
    from onhook.store.sql import Store


async def add_trunk(store: "Store", trunk: TrunkRecord, noted: AuditEntry | None = None) -> bool:
    """Stores a new trunk; False if its name is taken. Raises :class:`StoreError`."""
    try:
        return await change_noted(
            store.database,
            lambda one: one.execute(insert(schema.trunks), asdict(trunk)).rowcount,
            noted,
        )
    except Conflict:
        return False


async def all_trunks(store: "Store") -> Sequence[TrunkRecord]:
    """Every trunk; those of one prefix in the order in which they are tried.

    Raises :class:`StoreError`.
    """
    table = schema.trunks
    order = (table.c.prefix, table.c.created_ms, table.c.name)
    return await store.records(TrunkRecord, select(table).order_by(*order))


async def update_trunk(
    store: "Store", before: TrunkRecord, after: TrunkRecord, noted: AuditEntry | None = None
) -> bool:
    """Writes what has changed of a trunk, so that who changes something else at the same time loses
    nothing; False if it is gone. Raises :class:`StoreError`."""
    old = asdict(before)
    values = {name: value for name, value in asdict(after).items() if value != old[name]}
    table = schema.trunks
    changed = update(table).where(table.c.name == before.name)
    return await store.change(changed.values(**values or {"name": before.name}), noted)


async def put_trunks(
    store: "Store", trunks: Sequence[TrunkRecord], noted: AuditEntry | None = None
) -> None:
    """Stores trunks, new ones and changed ones, all of them or none. Raises :class:`StoreError`."""
    table = schema.trunks

    def put(connection: Connection) -> int:
        for trunk in trunks:
            connection.execute(delete(table).where(table.c.name == trunk.name))
            connection.execute(insert(table), asdict(trunk))
        return len(trunks)

    await change_noted(store.database, put, noted)


async def remove_trunk(store: "Store", name: str, noted: AuditEntry | None = None) -> bool:
    """Removes a trunk; False if there is none of this name. Raises :class:`StoreError`."""
    table = schema.trunks
    return await store.change(delete(table).where(table.c.name == name), noted)
