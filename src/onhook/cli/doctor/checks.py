"""The checks, in the order in which they are made, and what they look at."""

import fcntl
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import structlog
from sqlalchemy import func, select

from onhook.calls.trunks import trunk_of
from onhook.cli.doctor import (
    addresses,
    certificates,
    clocks,
    disk,
    limits,
    names,
    ports,
    registrations,
    self_call,
    voices,
    ways_out,
)
from onhook.cli.doctor.finding import Finding, Installation, KnownTrunk
from onhook.cli.errors import CommandError
from onhook.cli.opening import opened
from onhook.phone.locating.dns import DnsNames
from onhook.phone.nat.public_address import OutsideView
from onhook.server import told_options
from onhook.server.occupancy import LOCK_FILE
from onhook.server.settings import Settings
from onhook.store import Keyring, KeyringError, Store, TrunkRecord, schema
from onhook.store.trunk_states import TrunkState, trunk_states
from onhook.store.trunks import all_trunks

Check: TypeAlias = Callable[[Installation], Iterator[Finding] | AsyncIterator[Finding]]


def stored(here: Installation) -> Iterator[Finding]:
    """The data directory and the database can be read."""
    server = "a server runs on it" if here.running else "no server runs on it"
    if here.told:
        server += ", and what it was started with is looked at"
    yield Finding("data", not here.trouble, here.trouble or f"{here.data}: {server}")


CHECKS: Sequence[Check] = (
    stored,
    ports.sip,
    ports.http,
    ports.audio,
    addresses.addresses,
    names.names,
    clocks.wall,
    clocks.monotonic,
    limits.open_files,
    limits.memory,
    disk.room,
    disk.flush,
    certificates.certificates,
    voices.voices,
    registrations.registrations,
    self_call.call,
    ways_out.options,
)


async def installation(settings: Settings, trunk: str = "") -> Installation:
    """What is looked at. Raises :class:`CommandError` for a ``trunk`` that is not there."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    running = _is_running(settings.data)
    told = told_options.told(settings) if running else None
    settings = told or settings
    outside = await _outside(settings)
    try:
        url = settings.database_url.get_secret_value()
        async with opened(settings.data, url) as (store, keyring):
            trunks = await _trunks(store, keyring)
            newest_ms = await _newest_ms(store)
    except CommandError as error:
        return Installation(
            settings, running, told=told is not None, trouble=str(error), outside=outside
        )
    asked = frozenset(one.record.name for one in trunks)
    if trunk and trunk not in asked:
        raise CommandError(f"There is no trunk {trunk[:40]!r}; see 'onhook trunk list'.")
    asks = frozenset({trunk}) if trunk else asked
    return Installation(
        settings, running, trunks, newest_ms, told is not None, asks=asks, outside=outside
    )


async def findings(here: Installation, checks: Sequence[Check] = CHECKS) -> AsyncIterator[Finding]:
    """What each check finds; one that fails itself is a finding too."""
    for check in checks:
        try:
            found = check(here)
            if isinstance(found, Iterator):
                for one in found:
                    yield one
            else:
                async for one in found:
                    yield one
        except Exception as error:  # noqa: BLE001  # the root of a check: what comes next is looked at all the same
            name = check.__name__.replace("_", " ")
            yield Finding(
                name, False, f"it could not be looked at: {type(error).__name__}: {error}"
            )


async def _outside(settings: Settings) -> OutsideView:
    """As the server has it (``server.switch``)."""
    view = OutsideView(
        settings.public_address,
        names=DnsNames(settings.dns_servers),
        inside=settings.local_networks,
        stun_server=settings.stun_server,
        stun_from=[one.host for one in settings.sip],
    )
    await view.refresh()
    return view


def _is_running(data: Path) -> bool:
    """Whether a server holds the lock of the data directory; its file stays when it ends."""
    try:
        descriptor = os.open(data / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


async def _trunks(store: Store, keyring: Keyring) -> list[KnownTrunk]:
    states = {one.trunk: one for one in await trunk_states(store)}
    return [_known(one, states.get(one.name), keyring) for one in await all_trunks(store)]


def _known(record: TrunkRecord, state: TrunkState | None, keyring: Keyring) -> KnownTrunk:
    try:
        return KnownTrunk(record, state, trunk_of(record, keyring))
    except (KeyringError, ValueError) as error:
        return KnownTrunk(record, state, trouble=str(error))


async def _newest_ms(store: Store) -> int:
    [(newest_ms,)] = await store.database.query(select(func.max(schema.calls.c.written_ms)))
    return int(newest_ms or 0)
