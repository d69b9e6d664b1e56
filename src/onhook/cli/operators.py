"""What ``onhook operator …`` does, by the rules of `onhook.administration.operators`."""

from pathlib import Path

from onhook.administration import operators
from onhook.administration.operators import Shown, check_name
from onhook.cli.noting import note
from onhook.cli.opening import opened_store

__all__ = ["add", "change", "check_name", "list_operators", "remove"]


async def add(
    data: Path, name: str, role: str, password: str, *, database_url: str | None = None
) -> Shown:
    """One more operator. Raises :class:`CommandError`."""
    async with opened_store(data, database_url) as store:
        return await operators.add(store, note, name, role, password)


async def list_operators(data: Path) -> list[Shown]:
    """Every operator, by name."""
    async with opened_store(data) as store:
        return await operators.listed(store)


async def change(
    data: Path, name: str, role: str | None, password: str | None, *, unlock: bool = False
) -> None:
    """Another role or password; every session of theirs ends. Or ``unlock``: failed sign-ins are forgotten.
    Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        await operators.change(store, note, name, role, password, unlock=unlock)


async def remove(data: Path, name: str) -> None:
    """They may do nothing any more; nor anybody, of the last one. Raises :class:`CommandError`."""
    async with opened_store(data) as store:
        await operators.remove(store, note, name)
