"""The data that a command works on: the directory, and the database that the settings name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from onhook.cli.errors import CommandError
from onhook.server.occupancy import LOCK_FILE
from onhook.server.settings import load
from onhook.store import Keyring, KeyringError, Store, StoreError
from onhook.store.keyring import KEY_FILE
from onhook.store.seal import keyring_of
from onhook.store.sqlite import DATABASE_FILE


@asynccontextmanager
async def opened_store(
    data: Path, database_url: str | None = None, *, make: bool = False
) -> AsyncIterator[Store]:
    """The store; without ``database_url`` that of the environment or the settings file.

    Its data directory has to be there: only ``onhook serve`` makes one, and ``onhook init`` (``make``). What
    the database refuses, now or while the store is in use, becomes :class:`CommandError`.
    """
    if not make:
        check_there(data)
    if database_url is None:
        database_url = load(data=data).database_url.get_secret_value()
    try:
        if make:
            _make(data)
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
    data: Path, database_url: str | None = None, *, make: bool = False
) -> AsyncIterator[tuple[Store, Keyring]]:
    """The store, and the keyring that its tokens are sealed with. A wrong key becomes CommandError too."""
    async with opened_store(data, database_url, make=make) as store:
        try:
            keyring = await keyring_of(store, data)
        except KeyringError as error:
            raise CommandError(str(error)) from error
        yield store, keyring


def _make(data: Path) -> None:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)


def check_there(data: Path) -> None:
    """Raises :class:`CommandError` unless this is a data directory, or one that cannot be looked at."""
    try:
        (data / KEY_FILE).stat()
    except (FileNotFoundError, NotADirectoryError):
        if (data / DATABASE_FILE).exists() or (data / LOCK_FILE).exists():
            return  # it was one; what is missing is told by whoever needs it
        raise CommandError(
            f"There is no data directory {data}: 'onhook serve' makes it, and --data or ONHOOK_DATA says "
            "where it is."
        ) from None
    except OSError:
        return  # whoever opens it says why
