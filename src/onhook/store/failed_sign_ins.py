"""How often somebody did not come in, by name and by address: kept here, so that a restart forgets none."""

import hashlib
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import schema
from onhook.store.database import StoreError

if TYPE_CHECKING:
    from onhook.store.sql import Store


@dataclass(frozen=True, slots=True)
class FailedSignIns:
    """Of one name, or one address."""

    subject: str
    failures: int
    last_ms: int
    locked_until_ms: int


def of_name(name: str) -> str:
    """The subject of a name; hashed, since people type passwords where names belong."""
    return f"name {hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:40]}"


def of_address(address: str) -> str:
    """The subject of an address; of IPv6 that of its /64, which one machine has for itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "address ?"
    if found.version == 4:
        return f"address {found}"
    return f"address {ipaddress.ip_network((found, 64), strict=False)}"


Tried = Callable[[FailedSignIns], FailedSignIns]
"""What becomes of a subject by one more attempt."""


async def begin_attempt(
    store: "Store", subjects: Sequence[str], now_ms: int, forget_ms: int, tried: Tried
) -> int:
    """Counts an attempt of these subjects as failed, until it is known to be another; or, where one of them
    is locked, counts nothing. Until when it is locked, or 0. Forgets those of before ``forget_ms``.

    Raises StoreError.
    """
    table = schema.failed_sign_ins

    def work(connection: Connection) -> int:
        connection.execute(delete(table).where(table.c.last_ms < forget_ms))
        mine = select(table).where(table.c.subject.in_(subjects)).with_for_update()
        known = {row.subject: FailedSignIns(*row) for row in connection.execute(mine)}
        locked_ms = max((one.locked_until_ms for one in known.values()), default=0)
        if locked_ms > now_ms:
            return locked_ms
        for subject in subjects:
            one = tried(known.get(subject, FailedSignIns(subject, 0, now_ms, 0)))
            values = {
                "failures": one.failures,
                "last_ms": now_ms,
                "locked_until_ms": one.locked_until_ms,
            }
            written = store.database.insert(table).values(subject=subject, **values)
            connection.execute(
                written.on_conflict_do_update(index_elements=["subject"], set_=values)
            )
        return 0

    try:
        return await store.database.transact(work)
    except SQLAlchemyError as error:
        raise StoreError(f"The database refused a change: {type(error).__name__}.") from error


async def attempt_succeeded(store: "Store", name: str, address: str) -> None:
    """They came in: nothing is known against the name any more, and one thing less against the address.
    Raises StoreError."""
    table = schema.failed_sign_ins
    one_less = (
        update(table)
        .where(table.c.subject == of_address(address))
        .values(failures=table.c.failures - 1, locked_until_ms=0)
    )
    await store.change(one_less)
    await forget_attempts(store, name)


async def forget_attempts(store: "Store", name: str) -> None:
    """Nothing is known against a name any more. Raises StoreError."""
    table = schema.failed_sign_ins
    await store.change(delete(table).where(table.c.subject == of_name(name)))
