"""Who is a worker: of several processes under one name, the one whose number is the newest.

A process takes the lease of its worker (:mod:`onhook.store.leases`) before it looks at the worker's
calls, and with it the next number, which fences every process with an older one off: each transaction of
a process begins with looking at the number (:class:`Lease`), and what has another writes nothing. So two
processes never answer for the same calls, whatever a machine that stood still believes of itself.

A lease is renewed by counting. Whoever waits for one to expire watches, on its own monotonic clock,
whether the counter moves, so that no two machines have to agree on the time (:mod:`onhook.server.lease`).
"""

import asyncio
from dataclasses import dataclass

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import schema
from onhook.store.database import Database, Execution


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


class Lease:
    """What a process holds. While it is the ``guard`` of a database, nothing is written without it."""

    def __init__(self, database: Database, owner: str, number: int) -> None:
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
        compiled = number_of.with_for_update(read=True).compile(dialect=database.dialect)
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

    def guard(self, execution: Execution) -> None:
        """One statement at the beginning of a transaction. Raises :class:`LeaseLost`."""
        found = execution.rows(self._look, (self.owner,))
        if not found or found[0][0] != self.number:
            self._loop.call_soon_threadsafe(self.lost.set)
            raise LeaseLost(
                f"Another server has taken over the worker {self.owner}"
                + (f" (its number is {found[0][0]}, this one's {self.number})." if found else ".")
            )

    async def renew(self) -> None:
        """Has it count on. Raises SQLAlchemyError."""
        await self._database.transact(lambda connection: connection.execute(self._renew).rowcount)

    async def release(self) -> None:
        """Gives it up: the next one need not wait. Raises SQLAlchemyError."""
        await self._database.transact(lambda connection: connection.execute(self._release).rowcount)
