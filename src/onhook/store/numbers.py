"""The numbers of accounts and applications, and where their calls are told."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select, update

from onhook.store import replies, schema
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


async def remove_number(store: "Store", number: str) -> bool:
    """Calls to it are refused from now on; False if there is none such. Raises StoreError."""
    table = schema.numbers
    return await store.change(delete(table).where(table.c.number == number))


async def forward(
    store: "Store", number: str, forward_to: str, kept: Sequence[IdempotentReply] = ()
) -> None:
    """Has the calls of a number told to ``forward_to`` from now on.

    The replies are ``kept`` in the same transaction.
    """
    table = schema.numbers
    changed = update(table).where(table.c.number == number).values(forward_to=forward_to)

    def write(connection: Connection) -> None:
        connection.execute(changed)
        for reply in kept:
            connection.execute(replies.keep(store.database), asdict(reply))

    await store.database.transact(write)


async def set_told_of(
    store: "Store", number: str, *, how: str | None = None, media: bool | None = None
) -> bool:
    """Has its calls told as a ``form`` or as ``json``, or, where ``how`` is empty, as those of its
    application; and with the quality of their ``media`` or without. None leaves it as it is; False if there
    is no such number. Raises StoreError."""
    table = schema.numbers
    told = {"format": how, "media": media}
    changed = {name: value for name, value in told.items() if value is not None}
    return await store.change(update(table).where(table.c.number == number).values(**changed))
