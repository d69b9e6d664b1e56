"""The calls of an application, for those who ask what became of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, func, select

from onhook.store import schema
from onhook.store.records import CallRecord, StoredNotification

if TYPE_CHECKING:
    from onhook.store.sql import Store


async def call_of(store: "Store", txn_ref: str) -> CallRecord | None:
    """The record of the call with this reference, ended or not."""
    table = schema.calls
    found = await store.records(CallRecord, select(table).where(table.c.txn_ref == txn_ref))
    return found[0] if found else None


async def notifications_of(store: "Store", session: str) -> Sequence[StoredNotification]:
    """What was told of a call, or is still to be told, in order. Raises StoreError."""
    table = schema.notifications
    mine = select(table).where(table.c.session == session).order_by(table.c.sequence)
    return await store.records(StoredNotification, mine)


async def count_calls(
    store: "Store", app_id: str, from_ms: int | None, until_ms: int | None
) -> int:
    """How many calls of the application began at ``from_ms`` or later and before ``until_ms``."""
    statement = select(func.count()).where(*_began(app_id, from_ms, until_ms))
    [(found,)] = await store.database.query(statement)
    return int(found)


async def list_calls(
    store: "Store",
    app_id: str,
    from_ms: int | None,
    until_ms: int | None,
    *,
    skip: int,
    most: int,
) -> Sequence[CallRecord]:
    """The same calls, the newest first: at most ``most``, after the first ``skip``."""
    table = schema.calls
    statement = (
        select(table)
        .where(*_began(app_id, from_ms, until_ms))
        .order_by(table.c.began_ms.desc(), table.c.session)
        .offset(skip)
        .limit(most)
    )
    return await store.records(CallRecord, statement)


def _began(app_id: str, from_ms: int | None, until_ms: int | None) -> Sequence[ColumnElement[bool]]:
    table = schema.calls
    conditions: list[ColumnElement[bool]] = [table.c.app_id == app_id]
    if from_ms is not None:
        conditions.append(table.c.began_ms >= from_ms)
    if until_ms is not None:
        conditions.append(table.c.began_ms < until_ms)
    return conditions
