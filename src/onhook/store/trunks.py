"""The ways out. A database has a handful of them, so they are read all at once."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from onhook.store import schema
from onhook.store.database import StoreError
from onhook.store.records import TrunkRecord

if TYPE_CHECKING:
    from onhook.store.sql import Store


async def add_trunk(store: "Store", trunk: TrunkRecord) -> bool:
    """Stores a new trunk; False if its name is taken. Raises :class:`StoreError`."""
    try:
        async with store.database.engine.begin() as connection:
            await connection.execute(insert(schema.trunks), asdict(trunk))
    except IntegrityError:
        return False
    except SQLAlchemyError as error:
        raise _refused(error) from error
    return True


async def all_trunks(store: "Store") -> Sequence[TrunkRecord]:
    """Every trunk; those of one prefix in the order in which they are tried.

    Raises :class:`StoreError`.
    """
    table = schema.trunks
    order = (table.c.prefix, table.c.created_ms, table.c.name)
    return await store.records(TrunkRecord, select(table).order_by(*order))


async def update_trunk(store: "Store", before: TrunkRecord, after: TrunkRecord) -> bool:
    """Writes what has changed of a trunk, so that who changes something else at the same time loses
    nothing; False if it is gone. Raises :class:`StoreError`."""
    old = asdict(before)
    values = {name: value for name, value in asdict(after).items() if value != old[name]}
    table = schema.trunks
    return await store.change(
        update(table).where(table.c.name == before.name).values(**values or {"name": before.name})
    )


async def put_trunks(store: "Store", trunks: Sequence[TrunkRecord]) -> None:
    """Stores trunks, new ones and changed ones, all of them or none. Raises :class:`StoreError`."""
    table = schema.trunks
    try:
        async with store.database.engine.begin() as connection:
            for trunk in trunks:
                await connection.execute(delete(table).where(table.c.name == trunk.name))
                await connection.execute(insert(table), asdict(trunk))
    except SQLAlchemyError as error:
        raise _refused(error) from error


async def remove_trunk(store: "Store", name: str) -> bool:
    """Removes a trunk; False if there is none of this name. Raises :class:`StoreError`."""
    table = schema.trunks
    try:
        async with store.database.engine.begin() as connection:
            removed = await connection.execute(delete(table).where(table.c.name == name))
    except SQLAlchemyError as error:
        raise _refused(error) from error
    return removed.rowcount > 0


def _refused(error: SQLAlchemyError) -> StoreError:
    return StoreError(f"The database refused a change: {type(error).__name__}.")
