"""The side that delivers: an outbox that is told over a link what to deliver, and tells what came of it.

It serves one switch, and what that one handed over ends with the link: the next switch reads from the disk
what is undelivered, and hands it over again.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from onhook.flights import Flights
from onhook.notification import Notification
from onhook.notify.attempt import Attempt, AttemptOutcome, DeliveryProgress
from onhook.notify.delivery import Poster
from onhook.notify.handover import (
    Barred,
    Deliver,
    Drain,
    Drained,
    Message,
    Recorded,
    Resume,
    SecretsFound,
    SecretsWanted,
    Tried,
)
from onhook.notify.link import Link
from onhook.notify.memory import TimedMemory
from onhook.notify.outbox import Outbox
from onhook.notify.schedule import RetrySchedule
from onhook.notify.signatures import AppSecrets

log = structlog.get_logger()

BELIEVED_S: Final = 0.5
"""How long an application's secrets are believed. The switch has them from a memory of its own."""

_REMEMBERED: Final = 10_000

Found = TypeVar("Found")


class NotAnswered(Exception):
    """The switch could not do what it was asked for; the message names the exception that it met."""


class Office:
    """An outbox for one switch.

    `begin` it and await `ended`. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        client: Poster,
        schedule: RetrySchedule,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = Outbox(self, client, self._secrets_of, schedule=schedule)
        self._outbox.on_barred = self._on_barred
        self._lost = asyncio.Event()
        self._link = Link(self._hear, self._lost.set)
        self._resumed: list[tuple[Notification, DeliveryProgress]] = []
        self._unrecorded: dict[str, asyncio.Future[None]] = {}
        self._secrets: TimedMemory[str, AppSecrets] = TimedMemory(BELIEVED_S, _REMEMBERED, clock)
        self._asked: dict[str, asyncio.Future[AppSecrets | None]] = {}
        self._flights: Flights[AppSecrets | None] = Flights()
        self._draining: asyncio.Task[None] | None = None

    async def begin(self, end: socket.socket) -> None:
        """Serve the switch that has, or will have, the other end of this socket."""
        await self._link.open(end)

    async def ended(self) -> None:
        """Return once the switch is gone. What it left is forgotten, requests under way are cut off."""
        await self._lost.wait()
        if self._draining is not None:
            self._draining.cancel()
        await self._outbox.close()
        await self._flights.close()

    # What is asked of the switch ----------------------------------------------------------------

    async def record_attempt(
        self,
        notification_id: str,
        attempt: Attempt,
        outcome: AttemptOutcome,
        next_at: float | None,
        awaited: bool,
    ) -> None:
        """Have an attempt written (OutboxStore). Raises `NotAnswered` if it is not."""
        recorded = asyncio.get_running_loop().create_future()
        self._unrecorded[notification_id] = recorded
        self._link.send(Tried(notification_id, attempt, outcome, next_at, awaited))
        await recorded

    async def _secrets_of(self, app_id: str) -> AppSecrets | None:
        """Raises `NotAnswered`."""
        known = self._secrets.get(app_id)
        return known or await self._flights.join(app_id, lambda: self._ask_for_secrets(app_id))

    async def _ask_for_secrets(self, app_id: str) -> AppSecrets | None:
        found = self._asked[app_id] = asyncio.get_running_loop().create_future()
        self._link.send(SecretsWanted(app_id))
        secrets: AppSecrets | None = await found
        if secrets is not None:
            self._secrets.put(app_id, secrets)
        return secrets

    def _on_barred(self, notification: Notification) -> None:
        self._link.send(Barred(notification))

    # What the switch says -----------------------------------------------------------------------

    def _hear(self, message: Message) -> None:
        match message:
            case Deliver():
                self._outbox.deliver(message.notification, message.progress)
            case Recorded():
                _settle(self._unrecorded.pop(message.notification_id, None), None, message.error)
            case SecretsFound():
                asked = self._asked.pop(message.app_id, None)
                _settle(asked, message.secrets, message.error)
            case Resume():
                self._resume(message)
            case Drain() if self._draining is None:
                self._draining = asyncio.create_task(self._drain(message.deadline_s))

    def _resume(self, part: Resume) -> None:
        self._resumed += [(one.notification, one.progress) for one in part.several]
        if part.last:
            pending, self._resumed = self._resumed, []
            self._outbox.resume(pending)
            if pending:
                log.info("deliveries_resumed", notifications=len(pending))

    async def _drain(self, deadline_s: float) -> None:
        self._link.send(Drained(await self._outbox.drain(deadline_s)))


def _settle(asked: "asyncio.Future[Found] | None", found: Found, error: str | None) -> None:
    if asked is None or asked.done():
        return
    if error is None:
        asked.set_result(found)
    else:
        asked.set_exception(NotAnswered(error))
