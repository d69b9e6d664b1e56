"""The SQL of money: accounts, rates, the ledger. Amounts are micros.

The balance of an account is written beside its ledger and in the same transaction, so that the entries
always sum to it. What calls cost is booked by the group commit (:mod:`onhook.store.debits`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import schema
from onhook.store.database import Database, StoreError
from onhook.store.look_up import KEY, LookUp
from onhook.store.noted import AuditEntry, change_noted
from onhook.store.records import Account, LedgerEntry, RateRecord

_RATES = "rates"
_ROWS_AT_ONCE = 1000

Item = TypeVar("Item")
Record = TypeVar("Record", Account, LedgerEntry, RateRecord)


@dataclass(frozen=True, slots=True)
class _Revision:
    """How often something was changed."""

    revision: int


class Money:
    """Accounts, rates and the ledger of a database. Failures are :class:`StoreError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        table, applications = schema.accounts, schema.applications
        paying = select(table).join(applications).where(applications.c.app_id == KEY)
        self._accounts = LookUp(database, Account, table, paying)
        table = schema.revisions
        newest = select(table).where(table.c.subject == KEY)
        self._revisions = LookUp(database, _Revision, table, newest)

    # Accounts and their ledger ----------------------------------------------------------------

    async def accounts(self) -> Sequence[Account]:
        """Every account in the order of its id, with the balance of now."""
        table = schema.accounts
        return await self._all(Account, select(table).order_by(table.c.account_id))

    async def account_of(self, app_id: str) -> Account | None:
        """The account that pays for an application."""
        return await self._first(self._accounts, app_id)

    async def lowest_prepaid(self, most: int) -> Sequence[Account]:
        """Of the prepaid accounts those with the least left, ``most`` of them, the poorest first."""
        table = schema.accounts
        left = table.c.points_micros + table.c.bonus_micros
        statement = select(table).where(table.c.prepaid).order_by(left, table.c.account_id)
        return await self._all(Account, statement.limit(most))

    async def balance(self, account_id: str) -> int:
        """What an account has: points and bonus together. Nothing, if there is no such account."""
        table = schema.accounts
        columns = select(table.c.points_micros, table.c.bonus_micros)
        rows = await self._rows(columns.where(table.c.account_id == account_id))
        return sum(rows[0]) if rows else 0

    async def credit(self, entry: LedgerEntry, noted: AuditEntry | None = None) -> bool:
        """Books a credit; from its first one on the account is prepaid, and no trial. False if there is
        no such account. Booking the same entry again changes nothing."""
        return await change_noted(self._database, lambda one: _credit(one, entry), noted)

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
        found = await self._first(self._revisions, _RATES)
        return found.revision if found is not None else 0

    async def put_rates(
        self,
        rows: Sequence[RateRecord],
        *,
        replace: bool = False,
        noted: AuditEntry | None = None,
    ) -> None:
        """Adds rows; one with the same direction, prefix and currency is replaced. With ``replace``
        the table holds nothing else afterwards. All of it, or nothing."""
        await change_noted(self._database, lambda one: self._put_rates(one, rows, replace), noted)

    async def remove_rate(
        self, direction: str, prefix: str, currency: str, noted: AuditEntry | None = None
    ) -> bool:
        """Removes a row; False if it is not there."""
        table = schema.rates
        key = (table.c.direction == direction, table.c.prefix == prefix)
        statement = delete(table).where(*key, table.c.currency == currency)

        def remove(connection: Connection) -> int:
            removed = connection.execute(statement).rowcount
            self._changed(connection)
            return removed

        return await change_noted(self._database, remove, noted)

    def _put_rates(self, connection: Connection, rows: Sequence[RateRecord], replace: bool) -> int:
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
        return 1  # also a table of no rows is another one

    def _changed(self, connection: Connection) -> None:
        """Running servers read the rate table again when its revision is another."""
        table = schema.revisions
        first = self._database.insert(table).values(subject=_RATES, revision=1)
        next_one = {"revision": table.c.revision + 1}
        connection.execute(first.on_conflict_do_update(index_elements=["subject"], set_=next_one))

    # The database ---------------------------------------------------------------------------------

    async def _rows(self, statement: Any) -> Sequence[Any]:
        try:
            return await self._database.query(statement)
        except SQLAlchemyError as error:
            raise _refused(error) from error

    async def _first(self, look_up: LookUp[Item], key: str) -> Item | None:
        try:
            return await look_up.first(key)
        except SQLAlchemyError as error:
            raise _refused(error) from error

    async def _all(self, kind: type[Record], statement: Any) -> list[Record]:
        names = [field.name for field in fields(kind)]
        rows = await self._rows(statement)
        return [kind(**{name: getattr(row, name) for name in names}) for row in rows]


def _portions(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items, so many at a time: databases limit the parameters of one statement."""
    return (items[begin : begin + size] for begin in range(0, len(items), size))


def _refused(error: SQLAlchemyError) -> StoreError:
    return StoreError(f"The database refused a query: {type(error).__name__}.")


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
