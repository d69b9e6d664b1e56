"""What is known of each trunk, and which worker looks after it: registers, asks whether it is there.

One worker at a time does. It claims a trunk by its name, which another can only take that saw it as it
stands, and what it writes of a trunk that it has lost is not written. Whether a worker lives is said by its
lease (:mod:`onhook.store.lease`), under which all of this is written.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from onhook.store import schema
from onhook.store.lease import LeaseRecord

if TYPE_CHECKING:
    from onhook.store.sql import Store


@dataclass(frozen=True, slots=True)
class TrunkState:
    """What the worker that looks after a trunk knows of it; moments are milliseconds since the epoch."""

    trunk: str
    worker: str
    """Who looks after it; empty: nobody now."""
    up: bool | None = None
    """Whether it is there, and we are registered where it wants that; None while nobody knows."""
    registered_until_ms: int | None = None
    answered_ms: int | None = None
    """When it answered something last."""
    round_trip_us: int | None = None
    failures: int = 0
    """In a row."""
    sip_code: int = 0
    """Of the last failure; 0 is no answer, or no failure."""
    hint: str = ""
    """What the last failure means; empty when all is well."""
    service_route: tuple[str, ...] = ()
    """How its requests leave (RFC 3608)."""


async def trunk_states(store: "Store") -> list[TrunkState]:
    """What is known of every trunk. Raises :class:`onhook.store.StoreError`."""
    return await store.records(TrunkState, select(schema.trunk_states))


async def living_leases(store: "Store") -> list[LeaseRecord]:
    """The leases that somebody holds. Raises :class:`onhook.store.StoreError`."""
    table = schema.leases
    return await store.records(LeaseRecord, select(table).where(table.c.place != ""))


async def claim_trunk(store: "Store", trunk: str, worker: str, seen: str | None) -> bool:
    """Begins to look after a trunk that ``seen`` has (None: nobody ever had), and of which nothing is known;
    False if another was faster. Raises SQLAlchemyError."""
    table = schema.trunk_states
    fresh = asdict(TrunkState(trunk, worker))

    def work(connection: Connection) -> bool:
        """May be run twice: the second time finds what the first one wrote."""
        found = connection.execute(select(table.c.worker).where(table.c.trunk == trunk)).scalar()
        if found == worker and seen != worker:
            return True
        if found != seen:
            return False
        if seen is None:
            connection.execute(insert(table), fresh)
            return True
        mine = update(table).where(table.c.trunk == trunk, table.c.worker == seen)
        return connection.execute(mine.values(**fresh)).rowcount > 0

    try:
        return await store.database.transact(work)
    except IntegrityError:  # of two that found nobody, one was first
        return False


async def save_trunk_states(store: "Store", states: Sequence[TrunkState]) -> frozenset[str]:
    """Writes what is known of some trunks, in one transaction; the names of those that their worker still
    has.

    Raises SQLAlchemyError.
    """
    table = schema.trunk_states

    def work(connection: Connection) -> frozenset[str]:
        written: set[str] = set()
        for state in states:
            own = (table.c.trunk == state.trunk) & (table.c.worker == state.worker)
            done = connection.execute(update(table).where(own).values(**asdict(state)))
            written.update({state.trunk} if done.rowcount else ())
        return frozenset(written)

    return await store.database.transact(work)


async def let_trunks_go(store: "Store", worker: str, trunks: Sequence[str]) -> None:
    """Forgets what is known of some trunks of a worker: whoever wants to may look after them. Raises
    SQLAlchemyError."""
    table = schema.trunk_states
    own = (table.c.worker == worker) & table.c.trunk.in_(trunks)
    await store.database.transact(
        lambda connection: connection.execute(delete(table).where(own)).rowcount
    )
