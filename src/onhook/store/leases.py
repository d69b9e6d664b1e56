"""Finds and takes the lease of a worker; what it is to hold one is in :mod:`onhook.store.lease`."""

from dataclasses import asdict

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from onhook.store import schema
from onhook.store.lease import Lease, LeaseRecord
from onhook.store.sql import Store


async def find_lease(store: Store, owner: str) -> LeaseRecord | None:
    """The lease of a worker, if there ever was one. Raises :class:`onhook.store.StoreError`."""
    table = schema.leases
    found = await store.records(LeaseRecord, select(table).where(table.c.owner == owner))
    return found[0] if found else None


async def take_lease(store: Store, seen: LeaseRecord | None, wanted: LeaseRecord) -> Lease | None:
    """Takes a lease that stands as it was ``seen``; None if it does not any more.

    Its number is the next one, whatever ``wanted`` says. Raises SQLAlchemyError.
    """
    number = (seen.number if seen else 0) + 1
    values = {**asdict(wanted), "number": number, "renewals": 0}
    table = schema.leases

    def work(connection: Connection) -> bool:
        """May be run twice: the second time finds what the first one wrote."""
        mine = select(table).where(table.c.owner == wanted.owner).with_for_update()
        row = connection.execute(mine).mappings().one_or_none()
        if row is not None and dict(row) == values:
            return True
        if (None if row is None else LeaseRecord(**row)) != seen:
            return False
        if row is None:
            connection.execute(insert(table), values)
        else:
            connection.execute(update(table).where(table.c.owner == wanted.owner).values(**values))
        return True

    try:
        taken = await store.database.transact(work)
    except IntegrityError:  # of two that never had it, one was first
        return None
    return Lease(store.database, wanted.owner, number) if taken else None
