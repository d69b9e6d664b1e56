"""The store on SQLAlchemy Core: one interface, SQLite (WAL) below it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Delete, Table, Update, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import schema
from onhook.store.connecting import connect
from onhook.store.database import Database, DatabaseUnreachable, Found, StoreError, Told
from onhook.store.lease import Lease
from onhook.store.look_up import KEY, LookUp
from onhook.store.money import Money
from onhook.store.noted import AuditEntry, Conflict, change_noted
from onhook.store.records import (
    Account,
    Application,
    CallRecord,
    Number,
    StoredNotification,
    Writes,
)
from onhook.store.writer import Writer

Record = TypeVar("Record")

_GIVING_UP_S = 3.0
"""A database that hangs must not hold up the end of the process."""


class Store:
    """Everything that survives a restart.

    Reads run on connections of their own; writes of concurrent callers share transactions, see
    :class:`onhook.store.writer.Writer`.
    """

    def __init__(self, database: Database, *, gathers: bool = True) -> None:
        self._database = database
        self._writer = Writer(database, gathers=gathers)
        self.together: Callable[[], AbstractContextManager[None]] = self._writer.together
        """What is submitted within it, in one step of the event loop, is written in one transaction."""
        self.money = Money(database)
        """Accounts, rates and the ledger."""
        self._lease: Lease | None = None
        table, further = schema.applications, schema.tokens
        there = select(table).where(table.c.removed_ms.is_(None))
        by_further = there.join(further, further.c.app_id == table.c.app_id)
        look_up = partial(LookUp, database, Application, table)
        self._applications = look_up(select(table).where(table.c.app_id == KEY))
        self._by_token = look_up(there.where(table.c.token_hash == KEY))
        self._by_further_token = look_up(by_further.where(further.c.token_hash == KEY))
        table = schema.numbers
        called = select(table).where(table.c.number == KEY)
        self._numbers = LookUp(database, Number, table, called)

    @classmethod
    async def open(
        cls, directory: Path, database_url: str = "", *, gathers: bool = True
    ) -> "Store":
        """Opens the database of a data directory, or of a URL, and brings its schema up to date.

        Writes wait for company unless it ``gathers`` none. Raises :class:`StoreError`.
        """
        database = connect(directory, database_url)
        try:
            if not await _is_of_today(database):
                await database.migrate(_upgrade)
        except DatabaseUnreachable as error:
            await database.close()
            raise StoreError(f"The database {database.name} cannot be reached: {error}.") from error
        except SQLAlchemyError as error:
            await database.close()
            reason = str(getattr(error, "orig", None) or error).rstrip(".")
            raise StoreError(f"The database {database.name} cannot be opened: {reason}.") from error
        except BaseException:
            await database.close()
            raise
        return cls(database, gathers=gathers)

    async def close(self) -> None:
        """Writes what was submitted, gives up the lease, and closes every connection."""
        await self._writer.close()
        if self._lease is not None:
            await _give_up(self._lease)
        await self._database.close()

    def watch_writes(self, hear: Callable[[Exception | None], None]) -> None:
        """Has ``hear`` told of every commit: None, or why the database could not make it."""
        self._writer.hear = hear

    def write_under(self, lease: Lease) -> None:
        """From now on nothing is written unless this process still has the lease."""
        self._lease = lease
        self._database.guard = lease.guard

    def submit(self, writes: Writes) -> asyncio.Future[None]:
        """A future that is done once ``writes`` are on disk, all of them, or none if it fails.

        Writes are committed in the order of their submission. A failure is an SQLAlchemyError. What nobody
        speaks of before it is written (attempts, refusals) may wait for other writes for a moment.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told(error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        patient = not (writes.calls or writes.notifications or writes.debits or writes.replies)
        self._writer.submit(writes, told, patient=patient)
        return future

    def write(self, writes: Writes, told: Told, *, patient: bool = False) -> None:
        """The same for whoever wants to be called: ``told`` hears None, or the SQLAlchemyError.

        ``patient`` says that nobody waits for it.
        """
        self._writer.submit(writes, told, patient=patient)

    # Accounts, applications and numbers; what is ``noted`` of a change is written in its transaction ----

    async def add_account(self, account: Account, noted: AuditEntry | None = None) -> bool:
        """Stores a new account; False if it is there already."""
        return await self._add(schema.accounts, account, noted)

    async def account(self, account_id: str) -> Account | None:
        """The account with this id; its balance is the one of now."""
        table = schema.accounts
        return await self._one(Account, select(table).where(table.c.account_id == account_id))

    async def add_application(
        self, application: Application, noted: AuditEntry | None = None
    ) -> None:
        """Stores a new application. Raises :class:`StoreError`."""
        if not await self._add(schema.applications, application, noted):
            raise StoreError(
                f"The application {application.app_id} is there, or its account is not."
            )

    async def add_number(self, number: Number, noted: AuditEntry | None = None) -> bool:
        """Stores a new number; False if it is there already."""
        return await self._add(schema.numbers, number, noted)

    async def _add(
        self, table: Table, record: Account | Application | Number, noted: AuditEntry | None
    ) -> bool:
        statement, values = insert(table), asdict(record)
        try:
            return await change_noted(
                self._database, lambda one: one.execute(statement, values).rowcount, noted
            )
        except Conflict:
            return False

    async def application(self, app_id: str) -> Application | None:
        """The application with this id, removed or not."""
        return await _first(self._applications, app_id)

    async def application_by_token(self, token_hash: str) -> Application | None:
        """The application of which an access token has this SHA-256, unless it was removed.

        Its ``token_hash`` is this one, be it that of its first token or of a further one.
        """
        found = await _first(self._by_token, token_hash)
        if found is not None:
            return found
        found = await _first(self._by_further_token, token_hash)
        return None if found is None else replace(found, token_hash=token_hash)

    async def number(self, number: str) -> Number | None:
        """Whose number this is (E.164), and where its calls are told."""
        return await _first(self._numbers, number)

    # Calls and notifications ------------------------------------------------------------------

    async def call(self, session: str) -> CallRecord | None:
        """The record of a session, ended or not."""
        table = schema.calls
        return await self._one(CallRecord, select(table).where(table.c.session == session))

    async def undelivered(self, owner: str) -> Sequence[StoredNotification]:
        """Notifications of a worker's calls that are neither delivered nor given up.

        Those of a session are in their order.
        """
        return [one async for part in self.undelivered_parts(owner) for one in part]

    async def undelivered_parts(
        self, owner: str, together: int = 200
    ) -> AsyncGenerator[Sequence[StoredNotification], None]:
        """The same, so many at a time, so that nothing else has to wait for a long list of them."""
        table, calls = schema.notifications, schema.calls
        which = (
            select(table.c.notification_id)
            .join(calls, calls.c.session == table.c.session)
            .where(table.c.state == "pending", calls.c.owner == owner)
            .order_by(table.c.session, table.c.sequence)
        )
        ids = [row.notification_id for row in await self._rows(which)]
        for start in range(0, len(ids), together):
            # By key alone: with its state beside it, SQLite would go through all that are pending each time.
            part = select(table).where(table.c.notification_id.in_(ids[start : start + together]))
            yield await self._all(
                StoredNotification, part.order_by(table.c.session, table.c.sequence)
            )

    @property
    def database(self) -> Database:
        """The database, for the modules beside this one that have transactions of their own."""
        return self._database

    async def records(self, kind: type[Record], statement: Any) -> list[Record]:
        """What a query of those modules finds, as records. Raises :class:`StoreError`."""
        return await self._all(kind, statement)

    async def change(self, statement: Update | Delete, noted: AuditEntry | None = None) -> bool:
        """Whether a change of those modules found something to change; what is ``noted`` of it is written
        with it. Raises :class:`StoreError`."""
        return await change_noted(
            self._database, lambda one: one.execute(statement).rowcount, noted
        )

    async def _one(self, kind: type[Record], statement: Any) -> Record | None:
        rows = await self._all(kind, statement)
        return rows[0] if rows else None

    async def _all(self, kind: type[Record], statement: Any) -> list[Record]:
        rows = await self._rows(statement)
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # all are dataclasses
        return [kind(**{name: getattr(row, name) for name in names}) for row in rows]

    async def _rows(self, statement: Any) -> Sequence[Found]:
        try:
            return await self._database.query(statement)
        except SQLAlchemyError as error:
            raise StoreError(
                f"The database refused a query: {error.__class__.__name__}."
            ) from error


async def _first(look_up: LookUp[Record], key: str) -> Record | None:
    try:
        return await look_up.first(key)
    except SQLAlchemyError as error:
        raise StoreError(f"The database refused a query: {error.__class__.__name__}.") from error


async def _give_up(lease: Lease) -> None:
    """Best effort: whoever comes next waits for it to expire otherwise."""
    with contextlib.suppress(SQLAlchemyError, TimeoutError):
        async with asyncio.timeout(_GIVING_UP_S):
            await lease.release()


async def _is_of_today(database: Database) -> bool:
    """Whether there is nothing to migrate. That is asked by a connection that stays: the last one of SQLite
    that is closed writes the log back and deletes it, and after a crash of a switch calls wait for the next.
    """
    try:
        found = await database.query(text("SELECT version_num FROM alembic_version"))
    except DatabaseUnreachable:
        raise
    except (
        SQLAlchemyError
    ):  # a new one has no such table; whatever else is wrong, who migrates says it
        return False
    return bool(found) and found[0][0] == schema.REVISION


def _upgrade(connection: Connection) -> None:
    """A new database gets today's schema; an older one is migrated; a newer one is refused."""
    connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)"))
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version == schema.REVISION:
        return
    if version is None:
        schema.metadata.create_all(connection)
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:version)"), {"version": schema.REVISION}
        )
        return
    from onhook.store.migrations import migrate  # alembic costs a second to import

    try:
        migrate(connection)
    except LookupError as error:
        raise StoreError(
            f"The database has version {version}, which this Onhook does not know; "
            "start the version that wrote it, or a newer one."
        ) from error
