"""What ``/healthz`` says: whether the parts work without which no new call can be taken.

The database is tried when somebody asks (by renewing the lease of this worker, the smallest write that there
is), and every write of a call says how it went. What fails is told with the moment since when.
"""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from onhook.calls import clock
from onhook.server.occupancy import LOCK_FILE
from onhook.server.supervisor.roles import ROLES
from onhook.store import Lease, Store
from onhook.store.keyring import KEY_FILE
from onhook.store.sqlite import DATABASE_FILE

log = structlog.get_logger()

_PATIENCE_S = 2.0
"""Whoever asks is not kept waiting longer; a database that takes longer does not answer."""
_BELIEVED_S = 1.0
LEAST_ROOM_BYTES = 4 * 1024 * 1024
"""With less left on the disk of the data directory the next call may be one too many."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A part that does not work, since when (by the wall clock), and a sentence for a person."""

    part: str
    since_ms: int
    detail: str


class Health:
    """The parts of a server. ``owes`` counts what could not be written yet; ``missing`` names the processes
    that are not there, of those that have to be."""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        owes: Callable[[], int],
        data: Path,
        missing: Callable[[], Collection[str]],
    ) -> None:
        self._lease = lease
        self._missing = missing
        self._owes = owes
        self._data = data
        self._files = {name: _identity(data / name) for name in _KEPT_OPEN}
        self._failing: dict[str, Failing] = {}
        self._trying: asyncio.Task[None] | None = None
        self._tried_s = -_BELIEVED_S
        store.watch_writes(self._wrote)

    @property
    def parts(self) -> Mapping[str, bool]:
        """Every part by name, and whether it works, as of the last look."""
        return {part: part not in self._failing for part in _PARTS}

    async def look(self) -> tuple[Failing, ...]:
        """What does not work now; nothing, if all is well."""
        self._look_at_files()
        self._look_at_processes()
        await self._try_database()
        return tuple(self._failing.values())

    def _wrote(self, error: Exception | None) -> None:
        """A commit went well, or the database could not make it."""
        if error is not None:
            self._note("database", f"it cannot be written ({type(error).__name__})")
        elif "database" in self._failing and not self._owes():
            self._works("database")

    async def _try_database(self) -> None:
        """One try at a time, shared by whoever asks meanwhile."""
        if self._trying is None and clock.now_s() - self._tried_s >= _BELIEVED_S:
            self._trying = asyncio.create_task(self._renew(), name="health")
        if self._trying is None:
            return
        done, _ = await asyncio.wait((self._trying,), timeout=_PATIENCE_S)
        if not done:
            self._note("database", f"it has not answered for {_PATIENCE_S:g} s")

    async def _renew(self) -> None:
        try:
            await self._lease.renew()
            self._wrote(None)
        except SQLAlchemyError as error:
            self._wrote(error)
        finally:
            self._tried_s, self._trying = clock.now_s(), None

    def _look_at_files(self) -> None:
        """The data directory: its disk has room, and what is open of it is still there."""
        try:
            disk = os.statvfs(self._data)
        except OSError as error:
            self._note("data", f"the data directory cannot be looked at: {error.strerror}")
            return
        left = disk.f_bavail * disk.f_frsize
        if left < LEAST_ROOM_BYTES:
            self._note("disk", f"the data directory has {left // 1024} KB left")
        else:
            self._works("disk")
        gone = [name for name, one in self._files.items() if _identity(self._data / name) != one]
        if gone:
            self._note("data", f"{', '.join(gone)} was deleted or replaced while it was in use")
        else:
            self._works("data")

    def _look_at_processes(self) -> None:
        missing = self._missing()
        for role in _PROCESSES:
            if role in missing:
                self._note(role, f"the process {role} ended, and is started again")
            else:
                self._works(role)

    def _note(self, part: str, detail: str) -> None:
        if part not in self._failing:
            self._failing[part] = Failing(part, clock.wall_ms(clock.now_s()), detail)
            log.error("degraded", part=part, detail=detail)

    def _works(self, part: str) -> None:
        if self._failing.pop(part, None) is not None:
            log.info("works_again", part=part)


_PROCESSES = tuple(role.name for role in ROLES)
_PARTS = ("database", "disk", "data", *_PROCESSES)
_KEPT_OPEN = (LOCK_FILE, KEY_FILE, DATABASE_FILE)


def report(draining: bool, failing: tuple[Failing, ...]) -> tuple[Mapping[str, object], int]:
    """The JSON of ``/healthz``, and its HTTP status: 200 only where new calls are taken."""
    state = "draining" if draining else "degraded" if failing else "ready"
    parts = [
        {"part": one.part, "since": _text(one.since_ms), "detail": one.detail} for one in failing
    ]
    return {
        "status": state,
        **({"degraded": parts} if parts else {}),
    }, 200 if state == "ready" else 503


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is, whatever its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
