"""Further access tokens of an application, by name: each opens the API like the first, until it is revoked.

The first one, which `app create` made, stands in the application's own row, since it keys a signature of
notifications. Of the others only the hash is kept: nobody can be shown them again.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from onhook.store import schema
from onhook.store.noted import AuditEntry, Conflict, change_noted
from onhook.store.records import Application, Token

if TYPE_CHECKING:
    from onhook.store.sql import Store


async def tokens_of(store: "Store", app_id: str) -> Sequence[Token]:
    """Those beside the first, the oldest first. Raises StoreError."""
    table = schema.tokens
    mine = select(table).where(table.c.app_id == app_id)
    return await store.records(Token, mine.order_by(table.c.created_ms, table.c.name))


async def add_token(store: "Store", token: Token, noted: AuditEntry | None = None) -> bool:
    """One more opens the API; False if the application has one of this name. Raises StoreError."""
    try:
        return await change_noted(
            store.database,
            lambda one: one.execute(insert(schema.tokens), asdict(token)).rowcount,
            noted,
        )
    except Conflict:
        return False


async def revoke_token(
    store: "Store", app_id: str, name: str, noted: AuditEntry | None = None
) -> bool:
    """It opens nothing any more; False if there is none of this name. Raises StoreError."""
    table = schema.tokens
    there = (table.c.app_id == app_id) & (table.c.name == name)
    return await store.change(delete(table).where(there), noted)


async def replace_token(store: "Store", token: Token, noted: AuditEntry | None = None) -> bool:
    """Another takes the place of the one with its name; False if there is none. Raises StoreError."""
    table = schema.tokens
    there = (table.c.app_id == token.app_id) & (table.c.name == token.name)
    another = {"token_hash": token.token_hash, "created_ms": token.created_ms}
    return await store.change(update(table).where(there).values(**another), noted)


async def replace_first(
    store: "Store", application: Application, kept: Token | None, noted: AuditEntry | None = None
) -> bool:
    """Gives an application the first token that the record has; the one before is ``kept`` under a name, or
    opens nothing any more. False if it has a token of that name. Raises StoreError."""
    table = schema.applications
    another = {
        "token_hash": application.token_hash,
        "token_encrypted": application.token_encrypted,
        "token_ms": application.token_ms,
    }
    changed = update(table).where(table.c.app_id == application.app_id).values(**another)

    def work(connection: Connection) -> int:
        if kept is not None:
            connection.execute(insert(schema.tokens), asdict(kept))
        return connection.execute(changed).rowcount

    try:
        return await change_noted(store.database, work, noted)
    except Conflict:
        return False
