"""What ``onhook app rotate`` and ``app token …`` do, by the rules of `onhook.administration.tokens`."""

from pathlib import Path

from onhook.administration import tokens
from onhook.administration.tokens import FIRST
from onhook.cli.noting import note
from onhook.cli.opening import opened, opened_store

Shown = dict[str, object]


async def list_tokens(data: Path, app_id: str) -> list[Shown]:
    """Every token of an application, without what it is. Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        return await tokens.shown_tokens(store, await tokens.known(store, app_id))


async def add(data: Path, app_id: str, name: str) -> dict[str, str]:
    """One more token, which opens what the first one does; it is told only now."""
    async with opened_store(data) as store:
        return await tokens.add(store, note, app_id, name)


async def rotate(
    data: Path, app_id: str, name: str = FIRST, keep: str | None = None
) -> dict[str, str]:
    """Another token in the place of one. The old one opens nothing any more; or, of the first, is kept as
    ``keep``. Raises :class:`CommandError`."""
    async with opened(data) as (store, keyring):
        return await tokens.rotate(store, keyring, note, app_id, name, keep)


async def revoke(data: Path, app_id: str, name: str) -> None:
    """It opens nothing any more. Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        await tokens.revoke(store, note, app_id, name)
