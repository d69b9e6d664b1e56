"""Replies to requests that carried an idempotency key: kept for a day, then forgotten."""

from sqlalchemy import Connection, delete, select, tuple_

from onhook.store import schema
from onhook.store.records import IdempotentReply
from onhook.store.replies import KEPT_MS
from onhook.store.sql import Store

_AT_ONCE = 1000
"""How many are forgotten in one transaction: other writes wait for it."""


async def kept_reply(store: Store, app_id: str, key: str, now_ms: int) -> IdempotentReply | None:
    """What an application was replied under a key, if that is less than a day ago."""
    table = schema.idempotent_replies
    statement = select(table).where(
        table.c.app_id == app_id, table.c.key == key, table.c.created_ms > now_ms - KEPT_MS
    )
    found = await store.records(IdempotentReply, statement)
    return found[0] if found else None


async def forget_replies(store: Store, now_ms: int) -> int:
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
