"""The SQL of money: accounts, rates, the ledger. Amounts are micros.

The balance of an account is written beside its ledger and in the same transaction, so that the entries
always sum to it. What calls cost is booked by the group commit (:mod:`onhook.store.debits`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import schema
from onhook.store.database import Database, StoreError
from onhook.store.records import Account, LedgerEntry, RateRecord

_RATES = "rates"
_ROWS_AT_ONCE = 1000

Item = TypeVar("Item")
Result = TypeVar("Result")
Record = TypeVar("Record", Account, LedgerEntry, RateRecord)


class Money:
    """Accounts, rates and the ledger of a database. Failures are :class:`StoreError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Accounts and their ledger ----------------------------------------------------------------

    async def accounts(self) -> Sequence[Account]:
        """Every account in the order of its id, with the balance of now."""
        table = schema.accounts
        return await self._all(Account, select(table).order_by(table.c.account_id))

    async def account_of(self, app_id: str) -> Account | None:
        """The account that pays for an application."""
        table, applications = schema.accounts, schema.applications
        statement = select(table).join(applications).where(applications.c.app_id == app_id)
        found = await self._all(Account, statement)
        return found[0] if found else None

    async def balance(self, account_id: str) -> int:
        """What an account has: points and bonus together. Nothing, if there is no such account."""
        table = schema.accounts
        columns = select(table.c.points_micros, table.c.bonus_micros)
        rows = await self._rows(columns.where(table.c.account_id == account_id))
        return sum(rows[0]) if rows else 0

    async def credit(self, entry: LedgerEntry) -> bool:
        """Books a credit; from its first one on the account is prepaid, and no trial. False if there is
        no such account. Booking the same entry again changes nothing."""
        return await self._transact(lambda connection: _credit(connection, entry))

    async def entries(self, account_id: str, limit: int) -> Sequence[LedgerEntry]:
        """The newest entries of an account, newest first."""
        table = schema.ledger
        statement = select(table).where(table.c.account_id == account_id)
        newest = statement.order_by(table.c.at_ms.desc(), table.c.entry_id).limit(limit)
        return await self._all(LedgerEntry, newest)

    # Rates ----------------------------------------------------------------------------------------

    async def rates(self) -> Sequence[RateRecord]:
        """The whole rate table, in a readable order."""
        table = schema.rates
        order = (table.c.direction, table.c.currency, table.c.prefix)
        return await self._all(RateRecord, select(table).order_by(*order))

    async def rates_revision(self) -> int:
        """A number that changes whenever the rate table does."""
        table = schema.revisions
        rows = await self._rows(select(table.c.revision).where(table.c.subject == _RATES))
        return int(rows[0][0]) if rows else 0

    async def put_rates(self, rows: Sequence[RateRecord], *, replace: bool = False) -> None:
        """Adds rows; one with the same direction, prefix and currency is replaced. With ``replace``
        the table holds nothing else afterwards. All of it, or nothing."""
        await self._transact(lambda connection: self._put_rates(connection, rows, replace))

    async def remove_rate(self, direction: str, prefix: str, currency: str) -> bool:
        """Removes a row; False if it is not there."""
        table = schema.rates
        key = (table.c.direction == direction, table.c.prefix == prefix)
        statement = delete(table).where(*key, table.c.currency == currency)

        def remove(connection: Connection) -> bool:
            removed = connection.execute(statement).rowcount > 0
            self._changed(connection)
            return removed

        return await self._transact(remove)

    def _put_rates(self, connection: Connection, rows: Sequence[RateRecord], replace: bool) -> None:
        table = schema.rates
        if replace:
            connection.execute(delete(table))
        statement = self._database.insert(table)
        keys = [column.name for column in table.primary_key]
        changed = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
        for some in _portions(rows, _ROWS_AT_ONCE):
            connection.execute(statement, [asdict(row) for row in some])
        self._changed(connection)

    def _changed(self, connection: Connection) -> None:
        """Running servers read the rate table again when its revision is another."""
        table = schema.revisions
        first = self._database.insert(table).values(subject=_RATES, revision=1)
        next_one = {"revision": table.c.revision + 1}
        connection.execute(first.on_conflict_do_update(index_elements=["subject"], set_=next_one))

    # The database ---------------------------------------------------------------------------------

    async def _transact(self, work: Callable[[Connection], Result]) -> Result:
        try:
            return await self._database.transact(work)
        except SQLAlchemyError as error:
            raise _refused("a change", error) from error

    async def _rows(self, statement: Any) -> Sequence[Any]:
        try:
            return await self._database.query(statement)
        except SQLAlchemyError as error:
            raise _refused("a query", error) from error

    async def _all(self, kind: type[Record], statement: Any) -> list[Record]:
        names = [field.name for field in fields(kind)]
        rows = await self._rows(statement)
        return [kind(**{name: getattr(row, name) for name in names}) for row in rows]


def _portions(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items, so many at a time: databases limit the parameters of one statement."""
    return (items[begin : begin + size] for begin in range(0, len(items), size))


def _refused(what: str, error: SQLAlchemyError) -> StoreError:
    return StoreError(f"The database refused {what}: {type(error).__name__}.")


def _credit(connection: Connection, entry: LedgerEntry) -> bool:
    table = schema.accounts
    mine = table.c.account_id == entry.account_id
    found = connection.execute(
        select(table.c.account_id).where(mine).with_for_update(key_share=True)
    )
    if found.first() is None:
        return False
    ledger = schema.ledger
    booked = select(ledger.c.entry_id).where(ledger.c.entry_id == entry.entry_id)
    if connection.execute(booked).first() is not None:
        return True
    purse = table.c[f"{entry.purse}_micros"]
    more = {purse.name: purse + entry.amount_micros, "prepaid": True, "trial": False}
    connection.execute(update(table).where(mine).values(more))
    connection.execute(ledger.insert(), asdict(entry))
    return True
