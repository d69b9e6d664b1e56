"""Replies to requests that carried an idempotency key: kept for a day, then forgotten."""

from typing import TYPE_CHECKING

from sqlalchemy import ColumnClause, Connection, delete, literal_column, select, tuple_

from onhook.blocks.idempotency import KEPT_S
from onhook.store import schema
from onhook.store.records import IdempotentReply

if TYPE_CHECKING:
    from onhook.store.database import Database, Insertion
    from onhook.store.sql import Store

KEPT_MS = KEPT_S * 1000
_AT_ONCE = 1000
"""How many are forgotten in one transaction: other writes wait for it."""


def keep(database: "Database") -> "Insertion":
    """The statement that keeps a reply. The first one under a key stays, until it is a day old."""
    table = schema.idempotent_replies
    statement = database.insert(table)
    day: ColumnClause[int] = literal_column(str(KEPT_MS))
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={name: statement.excluded[name] for name in ("digest", "reply", "created_ms")},
        where=table.c.created_ms <= statement.excluded.created_ms - day,
    )


async def kept_reply(store: "Store", app_id: str, key: str, now_ms: int) -> IdempotentReply | None:
    """What an application was replied under a key, if that is less than a day ago."""
    table = schema.idempotent_replies
    statement = select(table).where(
        table.c.app_id == app_id, table.c.key == key, table.c.created_ms > now_ms - KEPT_MS
    )
    found = await store.records(IdempotentReply, statement)
    return found[0] if found else None


async def forget_replies(store: "Store", now_ms: int) -> int:
    """Removes replies that are a day old, some at a time so that nobody waits long; how many it were."""
    forgotten = removed = await store.database.transact(
        lambda connection: _forget(connection, now_ms)
    )
    while removed == _AT_ONCE:
        removed = await store.database.transact(lambda connection: _forget(connection, now_ms))
        forgotten += removed
    return forgotten


def _forget(connection: Connection, now_ms: int) -> int:
    table = schema.idempotent_replies
    key = table.c.app_id, table.c.key
    old = select(*key).where(table.c.created_ms <= now_ms - KEPT_MS).limit(_AT_ONCE)
    return connection.execute(delete(table).where(tuple_(*key).in_(old))).rowcount
