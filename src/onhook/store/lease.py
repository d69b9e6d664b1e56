"""Who is a worker: of several processes under one name, the one whose number is the newest.

A process takes the lease of its worker before it looks at the worker's calls, and with it the next
number, which fences every process with an older one off: each transaction of a process begins with
looking at the number (:class:`Lease`), and what has another writes nothing. So two processes never
answer for the same calls, whatever a machine that stood still believes of itself.

A lease is renewed by counting. Whoever waits for one to expire watches, on its own monotonic clock,
whether the counter moves, so that no two machines have to agree on the time (:mod:`onhook.server.lease`).
"""

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from onhook.store import schema

if TYPE_CHECKING:
    from onhook.store.database import Database
    from onhook.store.sql import Store


class LeaseLost(SQLAlchemyError):
    """Another process is the worker now; the message says so. Nothing was written."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The lease of a worker as it stands in the database."""

    owner: str
    number: int
    renewals: int
    lease_ms: int
    """It has expired when it was not renewed for this long."""
    place: str
    """Where its holder keeps its data, so that the lock there tells whether it lives; empty: nobody's."""
    holder: str
    """The holder, for a person."""


async def find_lease(store: "Store", owner: str) -> LeaseRecord | None:
    """The lease of a worker, if there ever was one. Raises :class:`onhook.store.StoreError`."""
    table = schema.leases
    found = await store.records(LeaseRecord, select(table).where(table.c.owner == owner))
    return found[0] if found else None


async def take_lease(
    store: "Store", seen: LeaseRecord | None, wanted: LeaseRecord
) -> "Lease | None":
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


class Lease:
    """What a process holds. While it is the ``guard`` of a database, nothing is written without it."""

    def __init__(self, database: "Database", owner: str, number: int) -> None:
        self.owner = owner
        self.number = number
        self.lost = asyncio.Event()
        """Another process has it."""
        self._database = database
        self._loop = asyncio.get_running_loop()
        table = schema.leases
        # Locked until the commit, so that nobody takes it over in between. SQLite has one writer at a
        # time, and knows no such lock.
        number_of = select(table.c.number).where(table.c.owner == bindparam("owner"))
        compiled = number_of.with_for_update(read=True).compile(dialect=database.engine.dialect)
        self._look = compiled.string
        self._renew = (
            update(table)
            .where(table.c.owner == owner, table.c.number == number)
            .values(renewals=table.c.renewals + 1)
        )
        self._release = (
            update(table)
            .where(table.c.owner == owner, table.c.number == number)
            .values(place="", holder="")
        )

    def guard(self, connection: Connection) -> None:
        """One statement at the beginning of a transaction. Raises :class:`LeaseLost`."""
        row = connection.exec_driver_sql(self._look, (self.owner,)).one_or_none()
        if row is None or row[0] != self.number:
            self._loop.call_soon_threadsafe(self.lost.set)
            raise LeaseLost(
                f"Another server has taken over the worker {self.owner}"
                + (f" (its number is {row[0]}, this one's {self.number})." if row else ".")
            )

    async def renew(self) -> None:
        """Has it count on. Raises SQLAlchemyError."""
        await self._database.transact(lambda connection: connection.execute(self._renew).rowcount)

    async def release(self) -> None:
        """Gives it up: the next one need not wait. Raises SQLAlchemyError."""
        await self._database.transact(lambda connection: connection.execute(self._release).rowcount)
