"""The switch's side of deliveries: an outbox whose work another process does.

    the process is started, or started anew: take() -> handed over from the disk -> open -> gone: take() again

What is committed while there is no such process waits on the disk; what is committed while the disk is read
is sent after it. So whatever becomes of that process, notifications of one session leave in their order, and
none is forgotten. Attempts that were told of but are not yet written are waited for before the disk is read.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Final, Protocol

import structlog

from onhook.notification import Notification
from onhook.notify.attempt import UNTRIED, DeliveryProgress
from onhook.notify.delivery import SecretsOf
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

log = structlog.get_logger()

MOST_MEANWHILE: Final = 20_000
"""So many may be committed while the disk is read for a process that has just started."""

_ANSWER_S = 0.5  # beyond the deadline of a drain


Told = Callable[[Exception | None], None]
"""Hears that something is on disk, or why it is not."""


class Undelivered(Protocol):
    """Reads what is undelivered."""

    def __call__(self) -> AsyncGenerator[Sequence[tuple[Notification, DeliveryProgress]], None]:
        """All of it, part by part, those of one session in their order; waits for a store that is away."""
        ...


class AttemptStore(Protocol):
    """Where attempts are recorded."""

    def record_attempts(self, several: Sequence[Tried], told: Told) -> None:
        """Record attempts durably, all of them or none; soon, or at once if one of them is `awaited`.

        `told` is called once with None, or with what went wrong. May raise anything instead; what was not
        recorded comes again, so it has to take the same attempt twice.
        """
        ...


class RemoteOutbox:
    """Has the surface of `Outbox`. Use it on one event loop."""

    def __init__(
        self, store: AttemptStore, secrets_of: SecretsOf, undelivered: Undelivered
    ) -> None:
        self._store = store
        self._secrets_of = secrets_of
        self._undelivered = undelivered
        self.on_barred: Callable[[Notification], None] = lambda _: None
        """Hears of a notification whose address may not be called, at its first attempt."""
        self._link: Link | None = None
        self._attending: asyncio.Task[None] | None = None
        self._meanwhile: list[Deliver] | None = None
        """What was committed while the disk is read; None when it is not."""
        self._tried: list[tuple[Tried, str | None]] = []
        """Attempts that were told of in what is being read, with the session where that is known."""
        self._under_way: dict[str, str] = {}
        """Notifications that were handed over, and of which no attempt was told of; and their sessions."""
        self._under_way_of: Counter[str] = Counter()
        """How many of those each session has."""
        self._recording = 0
        """So many times it was asked to record some, and was not told yet."""
        self._recorded: asyncio.Future[None] | None = None
        """Done once that is nought."""
        self._answering: set[asyncio.Task[None]] = set()
        self._begun = asyncio.Event()
        self._drain_by: float | None = None  # loop time; set once the last round has begun
        self._drained: asyncio.Future[int] | None = None
        self._closed = False

    @property
    def settled(self) -> bool:
        """Whether no attempt is known to be under way, or to be written still: then another switch makes none
        of them once more."""
        return not (self._under_way or self._recording)

    def take(self, end: socket.socket) -> None:
        """A process that delivers has started, or started anew: it has the other end of this socket."""
        if self._closed:
            end.close()
            return
        self._let_go()
        link = Link(self._hear, lambda: self._lose(link), lambda: self._record(link))
        self._link, self._meanwhile = link, []
        self._attending = asyncio.create_task(self._attend(link, end))
        self._attending.add_done_callback(lambda task: self._attended(link, task))

    def resume(self) -> None:
        """From now on the disk may be read: what an earlier process left behind is settled there."""
        self._begun.set()

    def deliver(self, notification: Notification, progress: DeliveryProgress = UNTRIED) -> None:
        """Take a notification that is on disk; after `drain` or `close` it is left there."""
        if self._closed:
            log.info("notification_left_for_next_start", notification=notification.notification_id)
        elif self._link is not None:
            self._pass_on(self._link, Deliver(notification, progress))

    async def drain(self, deadline_s: float) -> int | None:
        """Have what is waiting attempted once, then stop; returns how many were not delivered.

        None if that is not known, since there was no process to say it in time.
        """
        loop = asyncio.get_running_loop()
        self._drain_by = loop.time() + deadline_s
        self._drained = loop.create_future()
        if self._link is not None and self._meanwhile is None:
            self._link.send(Drain(deadline_s))
        left: int | None = None
        try:
            async with asyncio.timeout(deadline_s + _ANSWER_S):
                nothing = self._link is None and await self._nothing_waits()
                left = 0 if nothing else await self._drained
        except TimeoutError:
            log.warning("outbox_not_drained")
        await self.close()
        return left

    async def close(self) -> None:
        """Stop at once; attempts that were told of are still written."""
        self._closed = True
        self._let_go()
        await self._all_recorded()

    # The process comes and goes ------------------------------------------------------------------

    async def _attend(self, link: Link, end: socket.socket) -> None:
        await link.open(end)
        await self._begun.wait()
        # What is told of is written before the disk is read, so that it is not done twice.
        await self._all_recorded()
        sent: set[str] = set()
        async for part in self._undelivered():
            link.send(Resume(tuple(Deliver(*one) for one in part), last=False))
            sent.update(notification.notification_id for notification, _ in part)
            await link.drained()
        link.send(Resume())
        meanwhile, self._meanwhile = self._meanwhile or [], None
        for one in meanwhile:
            if one.notification.notification_id not in sent:
                link.send(one)
        if self._drain_by is not None:
            link.send(Drain(max(0.0, self._drain_by - asyncio.get_running_loop().time())))

    def _attended(self, link: Link, task: "asyncio.Task[None]") -> None:
        """A fault of ours: the process is to offer itself again."""
        if not task.cancelled() and task.exception() is not None and link is self._link:
            log.error("deliveries_not_handed_over", exc_info=task.exception())
            self._let_go()

    def _pass_on(self, link: Link, one: Deliver) -> None:
        if self._meanwhile is None:
            told = one.notification
            if told.notification_id not in self._under_way:
                self._under_way[told.notification_id] = told.session
                self._under_way_of[told.session] += 1
            link.send(one)
            return
        self._meanwhile.append(one)
        if len(self._meanwhile) > MOST_MEANWHILE:
            log.error("deliveries_stand_still", committed_meanwhile=len(self._meanwhile))
            self._let_go()

    def _lose(self, link: Link) -> None:
        if link is self._link:
            log.warning("deliveries_lost")
            self._let_go()

    async def _nothing_waits(self) -> bool:
        async with aclosing(self._undelivered()) as parts:
            async for _ in parts:
                return False
        return True

    def _let_go(self) -> None:
        """Whoever had the other end reads that this is over. The disk has what it had not delivered."""
        link, self._link, self._meanwhile = self._link, None, None
        self._under_way.clear()
        self._under_way_of.clear()
        if link is not None:
            link.close()
        for task in (self._attending, *self._answering):
            if task is not None:
                task.cancel()
        self._attending = None

    # What the process says -----------------------------------------------------------------------

    def _hear(self, message: Message) -> None:
        link = self._link
        assert link is not None  # a link that was let go hears nothing
        match message:
            case Tried():
                self._tried.append((message, self._came_back(message.notification_id)))
            case SecretsWanted():
                _keep(self._answering, self._answer(link, message.app_id))
            case Barred():
                self.on_barred(message.notification)
            case Drained() if self._drained is not None and not self._drained.done():
                self._drained.set_result(message.undelivered)

    def _came_back(self, notification_id: str) -> str | None:
        """It is not under way any more; its session, of one that was."""
        session = self._under_way.pop(notification_id, None)
        if session is not None:
            self._under_way_of[session] -= 1
            if not self._under_way_of[session]:
                del self._under_way_of[session]
        return session

    def _record(self, link: Link) -> None:
        """Written even if the process dies meanwhile: the attempts were made."""
        several, self._tried = self._tried, []
        if several:
            self._write(link, several)

    def _write(self, link: Link, several: Sequence[tuple[Tried, str | None]]) -> None:
        def told(failure: Exception | None) -> None:
            error = None if failure is None else type(failure).__name__
            if error is not None:
                log.warning("attempts_not_recorded", attempts=len(several), error=error)
            if error is None or len(several) == 1:
                for tried, session in several:
                    patient = not (tried.awaited or self._may_be_awaited(session))
                    link.send(Recorded(tried.notification_id, error), patient=patient)
            else:  # so that only what cannot be written is not
                for one in several:
                    self._write(link, [one])
            self._recording -= 1
            if not self._recording and self._recorded is not None:
                self._recorded.set_result(None)
                self._recorded = None

        self._recording += 1
        try:
            self._store.record_attempts([tried for tried, _ in several], told)
        except Exception as failure:  # noqa: BLE001  # the process is told, and asks again
            told(failure)

    def _may_be_awaited(self, session: str | None) -> bool:
        """Whether another notification may have come behind one since its attempt was told of. Of a retry the
        session is not known any more: then it may."""
        return session is None or session in self._under_way_of

    async def _all_recorded(self) -> None:
        if self._recording:
            if self._recorded is None:
                self._recorded = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._recorded)

    async def _answer(self, link: Link, app_id: str) -> None:
        try:
            answer = SecretsFound(app_id, await self._secrets_of(app_id))
        except Exception as failure:  # noqa: BLE001  # the process is told, and asks again
            answer = SecretsFound(app_id, None, type(failure).__name__)
        link.send(answer)


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
