"""What the commands about trunks do, by the rules of `onhook.administration.trunks`."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

import structlog

from onhook.administration import trunk_loading, trunks
from onhook.administration.trunk_files import read_trunks
from onhook.administration.trunk_loading import with_preset
from onhook.administration.trunk_options import FurtherOptions
from onhook.administration.trunk_probe import Probed, probe_stored
from onhook.administration.trunks import found, warning
from onhook.cli.noting import note
from onhook.cli.opening import opened
from onhook.store import TrunkRecord
from onhook.store.trunks import all_trunks

__all__ = [
    "Given",
    "add",
    "change",
    "found",
    "list_all",
    "load",
    "probe",
    "remove",
    "show",
    "warning",
]


@dataclass(frozen=True, slots=True, init=False)
class Given:
    """A trunk as it was written on the command line; an option that is None was not given."""

    name: str
    like: str
    options: Mapping[str, object] = field(repr=False)

    def __init__(
        self,
        name: str,
        proxy: str | None = None,
        *,
        like: str = "",
        **options: Unpack[FurtherOptions],
    ) -> None:
        every: dict[str, object] = {"proxy": proxy, **options}
        said = {key: value for key, value in every.items() if value is not None}
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "like", like)
        object.__setattr__(self, "options", said)


async def add(data: Path, given: Given, database_url: str | None = None) -> TrunkRecord:
    """Adds a trunk, its password encrypted. Raises :class:`CommandError`."""
    options = with_preset(given.like, given.options)
    async with opened(data, database_url) as (store, keyring):
        return await trunks.add(store, keyring, note, given.name, options)


async def change(data: Path, given: Given, database_url: str | None = None) -> TrunkRecord:
    """Changes the options that are given of a trunk. Raises :class:`CommandError`."""
    async with opened(data, database_url) as (store, keyring):
        return await trunks.change(store, keyring, note, given.name, given.options)


async def load(data: Path, path: Path, database_url: str | None = None) -> list[TrunkRecord]:
    """Makes the trunks of a file what the file says, all of them or none: those that are not there are
    added, those that are keep their place in the order, and their password where the file has none.
    Raises :class:`CommandError`."""
    written = read_trunks(path)
    async with opened(data, database_url) as (store, keyring):
        return await trunk_loading.load(store, keyring, note, written, str(path))


async def list_all(data: Path, database_url: str | None = None) -> list[TrunkRecord]:
    """Every trunk; those of one prefix in the order in which they are tried."""
    async with opened(data, database_url) as (store, _):
        return list(await all_trunks(store))


async def show(data: Path, name: str, database_url: str | None = None) -> TrunkRecord:
    """One trunk. Raises :class:`CommandError`."""
    async with opened(data, database_url) as (store, _):
        return await found(store, name)


async def remove(data: Path, name: str, database_url: str | None = None) -> None:
    """Removes a trunk; calls that took it go on. Raises :class:`CommandError`."""
    async with opened(data, database_url) as (store, _):
        await trunks.remove(store, note, name)


async def probe(
    data: Path, name: str, patience_s: float, database_url: str | None = None
) -> Probed:
    """Asks the trunk of this name whether it is there. Raises :class:`CommandError`."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with opened(data, database_url) as (store, keyring):
        return await probe_stored(store, keyring, name, patience_s)
