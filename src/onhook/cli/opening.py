"""The data that a command works on: the directory, and the database that the settings name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from onhook.cli.errors import CommandError
from onhook.server.settings import load
from onhook.store import Keyring, KeyringError, Store, StoreError


@asynccontextmanager
async def opened_store(data: Path, database_url: str | None = None) -> AsyncIterator[Store]:
    """The store; without ``database_url`` that of the environment or the settings file.

    What the database refuses, now or while the store is in use, becomes :class:`CommandError`.
    """
    if database_url is None:
        database_url = load(data=data).database_url.get_secret_value()
    try:
        store = await Store.open(data, database_url)
        try:
            yield store
        finally:
            await store.close()
    except OSError as error:
        raise CommandError(
            f"The data directory {data} cannot be used: {error.strerror}."
        ) from error
    except StoreError as error:
        raise CommandError(str(error)) from error


@asynccontextmanager
async def opened(
    data: Path, database_url: str | None = None
) -> AsyncIterator[tuple[Store, Keyring]]:
    """The store, and the keyring of the data directory."""
    try:
        keyring = Keyring.open(data)
    except KeyringError as error:
        raise CommandError(str(error)) from error
    async with opened_store(data, database_url) as store:
        yield store, keyring
