"""Which key a database was written with: a lost or a foreign key file is noticed before anything is done.

Without the right key no notification can be signed, so nothing that a server does would be of any use.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Executable, select
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import schema
from onhook.store.database import StoreError
from onhook.store.keyring import KEY_FILE, Keyring, KeyringError

if TYPE_CHECKING:
    from onhook.store.sql import Store

_NAME = "key_fingerprint"


async def keyring_of(store: "Store", directory: Path) -> Keyring:
    """The key of a data directory, which is that of the database; a new database gets a new one.

    Raises :class:`KeyringError` and :class:`StoreError`.
    """
    known = await _fingerprint(store)
    secret = None if known is not None else await _a_secret(store)
    keyring = Keyring.open(directory, make=known is None and secret is None)
    if known is None:
        if secret is not None:  # of an Onhook that did not write fingerprints
            keyring.decrypt(secret)
        known = await _seal(store, keyring)
    if known != keyring.fingerprint:
        raise KeyringError(
            f"The key file {directory / KEY_FILE} is not the one that the secrets in the database "
            f"{store.database.name} were encrypted with; restore that one from the backup of its data "
            "directory. Servers on one database have copies of one key file."
        )
    return keyring


async def _fingerprint(store: "Store") -> str | None:
    table = schema.properties
    found = await _first(store, select(table.c.value).where(table.c.name == _NAME))
    return None if found is None else str(found)


async def _a_secret(store: "Store") -> str | None:
    """Something that is encrypted, if there is anything."""
    trunks, applications = schema.trunks.c, schema.applications.c
    for column in (applications.token_encrypted, trunks.password_encrypted):
        found = await _first(store, select(column).where(column != "").limit(1))
        if found is not None:
            return str(found)
    return None


async def _first(store: "Store", statement: Executable) -> object:
    try:
        found = await store.database.query(statement)
    except SQLAlchemyError as error:
        raise StoreError(f"The database refused a query: {type(error).__name__}.") from error
    return found[0][0] if found else None


async def _seal(store: "Store", keyring: Keyring) -> str:
    """Notes the fingerprint; of two processes the first one's stays, and is returned."""
    table = schema.properties
    note = store.database.insert(table).on_conflict_do_nothing(index_elements=["name"])

    def work(connection: Connection) -> str:
        connection.execute(note, {"name": _NAME, "value": keyring.fingerprint})
        value = select(table.c.value).where(table.c.name == _NAME)
        return str(connection.execute(value).scalar_one())

    try:
        return await store.database.transact(work)
    except SQLAlchemyError as error:
        raise StoreError(f"The database refused a change: {type(error).__name__}.") from error
