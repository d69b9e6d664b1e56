"""Changing an account, and taking one away that was never used."""

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, select, update

from onhook.store import schema
from onhook.store.noted import AuditEntry

if TYPE_CHECKING:
    from onhook.store.sql import Store


async def change_account(
    store: "Store", account_id: str, changes: dict[str, str], noted: AuditEntry | None = None
) -> bool:
    """Other values of its columns, such as ``name``; False if there is no such account. Raises StoreError."""
    table = schema.accounts
    changed = update(table).where(table.c.account_id == account_id).values(**changes)
    return await store.change(changed, noted)


async def remove_account(store: "Store", account_id: str, noted: AuditEntry | None = None) -> bool:
    """Takes away an account that never had an application, a call or a ledger entry; False if there is none
    such. Raises StoreError."""
    table = schema.accounts
    unused = [
        ~exists(select(one.c.account_id).where(one.c.account_id == account_id))
        for one in (schema.applications, schema.calls, schema.ledger)
    ]
    mine = delete(table).where(table.c.account_id == account_id, *unused)
    return await store.change(mine, noted)
