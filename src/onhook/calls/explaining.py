"""Puts into the notification of a call's end why it ended, where its application wants to know.

The sentence rests on what else is on disk of the call: what its application was told before, and asked in
vain. So it is made when the end is on disk, written, and only then the notification leaves: it is the same
at each try, and the same that `onhook calls why` says, but for the name of an operator who hung up. Whoever
asks for none has nothing of this.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import structlog
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from onhook.calls.why import verdict_of
from onhook.notification import Notification
from onhook.store import Store, StoreError, schema
from onhook.store.reports import call_report

log = structlog.get_logger()

DETAIL: Final = "detail"
WANTED: Final[Mapping[str, str]] = {DETAIL: ""}
"""What stands in the fields of a notification until the sentence does."""

Progress = TypeVar("Progress")


class Explaining:
    """Stands before the outbox of a process. Use it on one event loop."""

    def __init__(self, store: Store, deliver: Callable[[Notification], None]) -> None:
        self._store = store
        self._deliver = deliver
        self._under_way: set[asyncio.Task[None]] = set()

    def deliver(self, notification: Notification) -> None:
        """Has it delivered: at once, unless it is to say why its call ended."""
        if notification.fields.get(DETAIL) != "":
            self._deliver(notification)
            return
        task = asyncio.create_task(self._explain_and_deliver(notification))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def settled(self) -> None:
        """Returns when all that it was given has been handed on."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _explain_and_deliver(self, notification: Notification) -> None:
        self._deliver(await explained(self._store, notification))


async def explained(store: Store, notification: Notification) -> Notification:
    """The same notification, which says why its call ended, if it is to; and so it is on disk.

    A database that is away makes it go without: nobody waits for a sentence.
    """
    if notification.fields.get(DETAIL) != "":
        return notification
    fields = dict(notification.fields)
    del fields[DETAIL]
    try:
        report = await call_report(store, notification.session)
        if report is not None:
            fields[DETAIL] = verdict_of(report, for_application=True).sentence
        table = schema.notifications
        mine = update(table).where(table.c.notification_id == notification.notification_id)
        await store.change(mine.values(fields=fields))
    except (StoreError, SQLAlchemyError) as error:
        log.warning("end_not_explained", session=notification.session, error=type(error).__name__)
    return replace(notification, fields=fields)


async def all_explained(
    store: Store, parts: AsyncGenerator[Sequence[tuple[Notification, Progress]], None]
) -> AsyncGenerator[Sequence[tuple[Notification, Progress]], None]:
    """The same for what an earlier process left undelivered, part by part."""
    async for part in parts:
        yield [(await explained(store, one), progress) for one, progress in part]
