"""The lease of this process's worker: taken before anything of the worker is looked at, and kept.

=================================================  ======================================================
the lease is                                       this process
=================================================  ======================================================
nobody's                                           takes it
of a server on this data directory                 takes it at once: the directory's lock is ours, so that
                                                   server is dead
of a server elsewhere (a database server only)     watches whether it is renewed. If it is, that server
                                                   lives, and this one does not start; if it is not for
                                                   as long as a lease lasts, it takes it
=================================================  ======================================================

Nobody's clock is compared with another's: the holder counts, and whoever waits looks at its own
monotonic clock. While the database is away nothing can be renewed, so that time does not count.
"""

import asyncio
import os
import socket
import time
from collections.abc import Coroutine
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from onhook.calls import clock
from onhook.server.occupancy import LOCK_FILE
from onhook.store import Lease, LeaseLost, LeaseRecord, Store, StoreError
from onhook.store.leases import find_lease, take_lease

log = structlog.get_logger()

_RENEWED = 5
"""How often a lease is renewed in the time that it lasts: some may come to nothing."""
_LOOKS = 20
"""How often whoever waits looks in that time."""


class WorkerInUse(Exception):
    """Another server that is alive is this worker; the message says which, and what to do."""


async def take(store: Store, owner: str, data: Path, lease_s: float) -> Lease:
    """Takes the lease of a worker, waiting for it to expire if need be; writes go under it from then on.

    The data directory is locked by this process. Raises :class:`WorkerInUse`, and StoreError or
    SQLAlchemyError.
    """
    wanted = LeaseRecord(owner, 0, 0, round(lease_s * 1000), _place(data), _holder())
    waited = False
    while True:
        seen = await find_lease(store, owner)
        if seen is not None and _lives_elsewhere(store, seen, wanted):
            waited = True
            await _expired(store, seen, wanted)
        lease = await take_lease(store, seen, wanted)
        if lease is not None:
            store.write_under(lease)
            if waited:
                log.warning("lease_taken", worker=owner, number=lease.number)
            return lease


async def unless(stop: asyncio.Event, taking: Coroutine[None, None, Lease]) -> Lease | None:
    """What ``taking`` comes to; None if the process is to stop first."""
    task, stopping = asyncio.create_task(taking), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)


async def keep(store: Store, lease: Lease, lease_s: float) -> None:
    """Renews a lease until it is lost. One that nobody can wait for need not be renewed."""
    failing = False
    while store.database.shared:
        await asyncio.sleep(lease_s / _RENEWED)
        try:
            await lease.renew()
            failing = False
        except LeaseLost:
            return
        except SQLAlchemyError as error:
            if not failing:
                log.warning("lease_not_renewed", error=type(error).__name__)
            failing = True


def _lives_elsewhere(store: Store, seen: LeaseRecord, wanted: LeaseRecord) -> bool:
    """Whether its holder may be alive: not one whose data directory this process has locked."""
    return store.database.shared and seen.place not in ("", wanted.place)


async def _expired(store: Store, seen: LeaseRecord, wanted: LeaseRecord) -> None:
    """Waits until a lease was not renewed for long enough, or is given up. Raises WorkerInUse."""
    wait_s = max(seen.lease_ms, wanted.lease_ms) / 1000
    log.warning("lease_waited_for", worker=seen.owner, held_by=seen.holder, wait_s=wait_s)
    since_s = time.monotonic()
    while time.monotonic() - since_s < wait_s:
        await asyncio.sleep(wait_s / _LOOKS)
        try:
            found = await find_lease(store, seen.owner)
        except StoreError:
            since_s = time.monotonic()
            continue
        if found is None or not found.place:
            return
        if found != seen:
            raise WorkerInUse(
                f"The worker {seen.owner} is another server ({found.holder}) on the database "
                f"{store.database.name}; stop that one first, or give this one a --worker of its own."
            )


def _place(data: Path) -> str:
    """The data directory, among all of this boot of this machine: only there its lock says anything."""
    lock = (data / LOCK_FILE).stat()
    return f"{clock.boot_id()}:{lock.st_dev}:{lock.st_ino}"


def _holder() -> str:
    return f"{socket.gethostname()}, process {os.getppid()}"
