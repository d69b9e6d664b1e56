"""What ``onhook app list|remove`` and ``onhook number list|remove`` do; a running server takes a change
over within a second."""

import time
from pathlib import Path

from onhook import numbers
from onhook.cli.errors import CommandError
from onhook.cli.opening import opened_store
from onhook.store import Store
from onhook.store.applications import all_applications, mark_removed, set_format
from onhook.store.numbers import all_numbers, remove_number, set_told_of

Shown = dict[str, object]


async def list_applications(data: Path) -> list[Shown]:
    """Every application with its numbers, the oldest first; secrets are not shown."""
    async with opened_store(data) as store:
        found = await all_applications(store)
        owned = await all_numbers(store)
    return [
        {
            "app_id": one.app_id,
            "name": one.name,
            "account": one.account_id,
            "format": one.format,
            "numbers": [number.number for number in owned if number.app_id == one.app_id],
            "created_ms": one.created_ms,
        }
        for one in found
    ]


async def update_application(data: Path, app_id: str, form: str) -> None:
    """Its calls are told in this form from now on. Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        if not await set_format(store, app_id, form):
            raise CommandError(f"There is no application {app_id[:40]!r}; see 'onhook app list'.")


async def update_number(data: Path, number: str, form: str | None, media: bool | None) -> None:
    """Its calls are told in this form from now on; as those of its application, if it is empty; and with
    their media or without. None leaves it as it is. Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        known = numbers.e164(number) or number
        if not await set_told_of(store, known, how=form, media=media):
            raise CommandError(f"There is no number {number[:40]!r}; see 'onhook number list'.")


async def remove_application(data: Path, app_id: str) -> None:
    """Its token opens nothing any more. Raises :class:`CommandError`, also while it has numbers."""
    async with opened_store(data) as store:
        owned = [one.number for one in await all_numbers(store) if one.app_id == app_id]
        if owned:
            raise CommandError(
                f"The application {app_id} has numbers: {', '.join(owned[:8])}; first remove each with "
                "'onhook number remove'."
            )
        if not await mark_removed(store, app_id, round(time.time() * 1000)):
            raise CommandError(f"There is no application {app_id[:40]!r}; see 'onhook app list'.")


async def list_numbers(data: Path) -> list[Shown]:
    """Every number, in order, with its application and the URL that is told of its calls."""
    async with opened_store(data) as store:
        applications = await all_applications(store)
        names = {one.app_id: one.name for one in applications}
        formats = {one.app_id: one.format for one in applications}
        return [
            {
                "number": one.number,
                "app_id": one.app_id,
                "application": names.get(one.app_id, ""),
                "forward_to": one.forward_to,
                "format": one.format or formats.get(one.app_id, "form"),
                "media": one.media,
                "created_ms": one.created_ms,
            }
            for one in await all_numbers(store)
        ]


async def remove_a_number(data: Path, number: str) -> None:
    """Calls to it are refused from now on. Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        if not await remove_number(store, numbers.e164(number) or number):
            raise CommandError(f"There is no number {number[:40]!r}; see 'onhook number list'.")


async def owner_of(store: Store, number: str) -> str:
    """The application that has a number, for a sentence."""
    found = await store.number(number)
    return found.app_id if found is not None else "another application"
