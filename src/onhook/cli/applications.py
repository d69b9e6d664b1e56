"""What the commands about applications and numbers do that are there, by the rules of
`onhook.administration`."""

from pathlib import Path

from onhook.administration import applications, numbers
from onhook.administration.numbers import Shown
from onhook.cli.noting import note
from onhook.cli.opening import opened, opened_store


async def list_applications(data: Path) -> list[Shown]:
    """Every application with its numbers, the oldest first; secrets are not shown."""
    async with opened_store(data) as store:
        return await applications.listed(store)


async def show_application(data: Path, app_id: str) -> Shown:
    """An application with its numbers and the names of its tokens. Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        return await applications.shown(store, app_id)


async def update_application(
    data: Path, app_id: str, form: str | None, name: str | None = None, detail: str | None = None
) -> None:
    """How its calls are told from now on, its name; None leaves it as it is. Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        await applications.update(store, note, app_id, form, name, detail)


async def remove_application(data: Path, app_id: str) -> None:
    """Its token opens nothing any more. Raises :class:`CommandError`, also while it has numbers."""
    async with opened_store(data) as store:
        await applications.remove(store, note, app_id)


async def list_numbers(data: Path) -> list[Shown]:
    """Every number, in order, with its application and the URL that is told of its calls."""
    async with opened_store(data) as store:
        return await numbers.listed(store)


async def show_number(data: Path, number: str) -> Shown:
    """A number as a list has it. Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        return await numbers.shown(store, number)


async def set_number(
    data: Path,
    number: str,
    form: str | None,
    media: bool | None,
    forward_to: str | None,
    detail: str | None,
) -> None:
    """How and where its calls are told from now on; None leaves it as it is. Raises :class:`CommandError`."""
    async with opened(data) as (store, keyring):
        await numbers.change(
            store,
            keyring,
            note,
            number,
            form=form,
            media=media,
            forward_to=forward_to,
            detail=detail,
        )


async def move_number(data: Path, number: str, app_id: str) -> None:
    """Calls to it are another application's from now on. Raises :class:`CommandError`."""
    async with opened(data) as (store, keyring):
        await numbers.move(store, keyring, note, number, app_id)


async def remove_a_number(data: Path, number: str) -> None:
    """Calls to it are refused from now on. Raises :class:`CommandError`."""
    async with opened(data) as (store, keyring):
        await numbers.remove(store, keyring, note, number)
