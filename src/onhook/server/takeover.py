"""The calls of the switch before: gone on with, or settled, before anything is heard of them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from onhook.calls.adoption.adoption import Adoption, told_up_to
from onhook.calls.journal import Journal
from onhook.calls.recordings.store import RecordingStore
from onhook.calls.recovery import settle
from onhook.media.errors import NotRunning
from onhook.media.plane import MediaPlane
from onhook.server.start_error import StartError
from onhook.store import CallRecord, Store, StoreError
from onhook.store.orphans import orphans

if TYPE_CHECKING:
    from onhook.server.settings import Settings

_WRITTEN_S: Final = 0.1
"""The plane writes what is recorded within half a second."""


_FURTHER: Final = 1 << 40
"""What the plane beside an old one tells has numbers so much higher: it may get calls of that one, when both
that and a switch have died."""


@dataclass(frozen=True, slots=True)
class StillToDo:
    """What is left of the calls before, once the sockets are read."""

    calls: Sequence[CallRecord]
    """They were settled, and are to be ended at the phone."""
    recordings: Sequence[str]
    """They are to be finished, once the plane does not write to them any more."""


async def take_over(
    settings: "Settings",
    store: Store,
    adoptions: Sequence[Adoption],
    recordings: RecordingStore,
) -> StillToDo:
    """Goes on, in each media plane, with the calls that this worker left behind, and ends the others on
    disk. What nobody has of their audio ends.

    Raises StartError.
    """
    try:
        left: Sequence[CallRecord] = await orphans(store, settings.worker)
        further = _FURTHER + max(map(told_up_to, left), default=0)
        beyond = further if len(adoptions) > 1 else 0
        for adoption in adoptions:
            left = await adoption.run(left, beyond if adoption is adoptions[-1] else 0)
        left = await settle(store, settings.worker, left)
    except (StoreError, SQLAlchemyError) as error:
        reason = getattr(error, "orig", None) or error
        raise StartError(
            f"The calls that an earlier run left behind cannot be written: {reason}."
        ) from error
    try:
        for adoption in adoptions:
            adoption.let_go(recordings)
        return StillToDo(left, recordings.left_over())
    except OSError as error:
        raise StartError(f"Recordings cannot be read: {error.strerror}.") from error


async def finish_recordings(
    planes: Sequence[MediaPlane], recordings: RecordingStore, names: Sequence[str]
) -> None:
    """Finishes what was recorded of calls that are over, when its last sample is written."""
    while any(plane.running and plane.leaving for plane in planes):  # noqa: ASYNC110  # nobody tells of what nobody has
        await asyncio.sleep(_WRITTEN_S)
    recordings.finish_all(names)


def tell_on(planes: Sequence[MediaPlane], journal: Journal) -> None:
    """From now on the planes tell what happens, and before that what the switch before did not write. Each
    keeps what it told until what came of that is on disk: a switch after this one is told again."""
    for plane in planes:
        plane.on_taken = partial(_acknowledge, plane, journal)
        with suppress(NotRunning):  # it has died meanwhile: the next one tells
            plane.resume()


def _acknowledge(plane: MediaPlane, journal: Journal, number: int) -> None:
    journal.behind(plane.acknowledging.taken(number))
