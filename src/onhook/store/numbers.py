"""The numbers of accounts and applications, and where their calls are told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select, update

from onhook.store import replies, schema
from onhook.store.noted import AuditEntry, change_noted
from onhook.store.records import IdempotentReply, Number

if TYPE_CHECKING:
    from onhook.store.sql import Store


async def numbers_of(store: "Store", account_id: str) -> Sequence[Number]:
    """The numbers of every application of the account, in order."""
    table = schema.numbers
    owned = select(schema.applications.c.app_id).where(
        schema.applications.c.account_id == account_id
    )
    statement = select(table).where(table.c.app_id.in_(owned)).order_by(table.c.number)
    return await store.records(Number, statement)


async def numbers_of_application(store: "Store", app_id: str) -> Sequence[Number]:
    """The numbers of one application, in order."""
    table = schema.numbers
    statement = select(table).where(table.c.app_id == app_id).order_by(table.c.number)
    return await store.records(Number, statement)


async def all_numbers(store: "Store") -> Sequence[Number]:
    """Every number, in order. Raises StoreError."""
    table = schema.numbers
    return await store.records(Number, select(table).order_by(table.c.number))


async def change_number(
    store: "Store",
    number: str,
    changes: Mapping[str, str | bool],
    noted: AuditEntry | None = None,
) -> bool:
    """Other values of its columns: whose it is (``app_id``), where its calls are told (``forward_to``) and
    how: ``format``, ``form`` or ``json``; ``media``, with their quality or without; ``detail``, with why they
    ended (``why``) or not (``none``). An empty ``format`` or ``detail`` is that of its application. False if
    there is no such number. Raises StoreError."""
    table = schema.numbers
    changed = update(table).where(table.c.number == number).values(**changes)
    return await store.change(changed, noted)


async def remove_number(store: "Store", number: str, noted: AuditEntry | None = None) -> bool:
    """Calls to it are refused from now on; False if there is none such. Raises StoreError."""
    table = schema.numbers
    return await store.change(delete(table).where(table.c.number == number), noted)


async def forward(
    store: "Store",
    number: str,
    forward_to: str,
    kept: Sequence[IdempotentReply] = (),
    noted: AuditEntry | None = None,
) -> None:
    """Has the calls of a number told to ``forward_to`` from now on.

    The replies are ``kept`` in the same transaction. Raises StoreError.
    """
    table = schema.numbers
    changed = update(table).where(table.c.number == number).values(forward_to=forward_to)

    def write(connection: Connection) -> int:
        for reply in kept:
            connection.execute(replies.keep(store.database), asdict(reply))
        return connection.execute(changed).rowcount

    await change_noted(store.database, write, noted)
