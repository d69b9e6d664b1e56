"""The outbox: committed notifications leave here, in order, at least once.

There is one lane for each session. In a lane only the head is ever attempted, and the next one becomes
the head after it has been recorded that the head was delivered or given up. Lanes do not wait for one
another, except for room (`slots`) when very many want to send at once.

    deliver() -> waiting in a lane -> head -> attempt -> record ---> delivered, given up: next head
                                       ^                    |
                                       +--- timer <- failed +

A lane exists while it has something to deliver. While it sends, it is a task; while it waits for the
next attempt, it is a timer and nothing else; empty, it is gone.

The schedule of a notification is its own. When a process starts, and when it ends, what is waiting is tried
at once, in addition: such an attempt takes none of the schedule's, and changes nothing about when the next of
those is made. Only what a receiver asked for (Retry-After) is kept even then.

If an attempt was made and the store cannot record it, the lane stands still and tries again to record,
not to send. If the process ends in between, the attempt is repeated after the next start: receivers
tell duplicates by `webhook-id`.

Whoever waits does so on the monotonic clock: setting the wall clock makes no attempt earlier or later,
and gives nothing up. Unix time dates what is recorded, and is all there is across a restart.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from onhook.notification import Notification
from onhook.notify.attempt import UNTRIED, Attempt, AttemptOutcome, DeliveryProgress
from onhook.notify.delivery import AttemptPlan, Delivery, Poster, Result, SecretsOf
from onhook.notify.schedule import RetrySchedule
from onhook.notify.slots import Slots
from onhook.urls import WebUrl

log = structlog.get_logger()

TRY_S = 15.0
"""How long one attempt may take."""

AT_ONCE = 4096
"""How many requests are under way at the same time: a stalled receiver keeps one for `TRY_S`."""

AT_ONCE_PER_HOST = 256
"""How many of them go to one server, which is a host and a port."""

SPREAD_S = 3.0
"""Over how long, at the most, what is pending at a start is spread."""

_APART_S = 0.01
_HINT = "Give the server --allowed-networks with its network, or the number another --forward-to."
_TIMER_RESOLUTION_S = 0.001  # loops round to this; waking a trifle early is not slept over again
_TROUBLE_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # between tries when the store does not work


class OutboxStore(Protocol):
    """Where attempts are recorded."""

    async def record_attempt(
        self,
        notification_id: str,
        attempt: Attempt,
        outcome: AttemptOutcome,
        next_at: float | None,
        awaited: bool,
    ) -> None:
        """Record an attempt durably; `next_at` is Unix time, None unless the outcome is `FAILED`.

        If it is not `awaited` by another notification of its session, it may take a moment longer.

        May raise anything; it is called again until it returns, so it has to take the same attempt
        twice.
        """
        ...


class CancelHandle(Protocol):
    """What a `CallLater` returns."""

    def cancel(self) -> None:
        """Do not call."""
        ...


class CallLater(Protocol):
    """Calls something after a number of seconds, like `loop.call_later`."""

    def __call__(self, delay: float, callback: Callable[[], None], /) -> CancelHandle:
        """Arrange for `callback` to be called."""
        ...


@dataclass(slots=True)
class _Pending:
    """A notification in a lane, and how far it has come. Times are of the monotonic clock."""

    notification: Notification
    attempts: int
    scheduled: int
    first_at: float | None
    due_at: float
    not_before: float
    at_once: bool
    """It is tried before the schedule has it, once: the process has just started."""
    next_at: float | None
    """`due_at` as it is on disk, in Unix time: read anew from two clocks it would not be the same."""
    unrecorded: Result | None = None

    def tried(self, result: Result, next_at: float | None) -> None:
        """The attempt is recorded."""
        self.unrecorded, self.at_once = None, False
        self.attempts, self.scheduled = result.attempt.number, result.attempt.scheduled
        self.first_at = result.began_at if self.first_at is None else self.first_at
        self.due_at, self.not_before = result.next_at or 0.0, result.not_before
        self.next_at = next_at


@dataclass(slots=True, eq=False)
class _SessionLane:
    session: str
    waiting: deque[_Pending] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    timer: CancelHandle | None = None
    troubles: int = 0
    stopped: bool = False
    """Its one attempt of the last round has failed."""


class Outbox:
    """Delivers what it is handed. Use it on one event loop.

    `clock` gives Unix time, `monotonic` is what is waited on; `call_later` is the loop's by default. All
    are replaced in tests, so that a day of retries takes a moment.
    """

    def __init__(
        self,
        store: OutboxStore,
        client: Poster,
        secrets_of: SecretsOf,
        *,
        schedule: RetrySchedule | None = None,
        try_s: float = TRY_S,
        at_once: int = AT_ONCE,
        at_once_per_host: int = AT_ONCE_PER_HOST,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = None,
    ) -> None:
        self._store = store
        self.on_barred: Callable[[Notification], None] = lambda _: None
        """Hears of a notification whose address may not be called, at its first attempt."""
        schedule = schedule or RetrySchedule()
        self._delivery = Delivery(client, secrets_of, schedule, clock, monotonic)
        self._try_s = try_s
        self._slots = Slots(at_once, at_once_per_host)
        self._clock = clock
        self._monotonic = monotonic
        self._call_later = call_later
        self._lanes: dict[str, _SessionLane] = {}
        self._drained_by: float | None = None  # loop time; set once the last round has begun
        self._closed = False

    def __len__(self) -> int:
        """Return the number of notifications that are neither delivered nor given up."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    @property
    def lanes(self) -> int:
        """The number of sessions that have something to deliver."""
        return len(self._lanes)

    def deliver(self, notification: Notification, progress: DeliveryProgress = UNTRIED) -> None:
        """Take a notification that is on disk; the first attempt starts in the next turn of the loop.

        Those of one session leave in the order of the calls, so at start the undelivered ones are handed
        in first, in their order. One that is waiting already is not taken twice. After `drain` or
        `close` nothing is taken: the store has it, and hands it in after the next start.
        """
        if self._closed:
            log.info("notification_left_for_next_start", notification=notification.notification_id)
            return
        lane = self._queue(notification, progress)
        if lane.task is None and lane.timer is None and not lane.stopped:
            self._start(lane)

    def resume(self, pending: Sequence[tuple[Notification, DeliveryProgress]]) -> None:
        """Take what was pending when the process started: it is tried at once, whatever its schedule says.

        Those of one session have to be in their order. Sessions begin one after the other, so that a
        receiver which was away is not called by all of them in the same moment.
        """
        lanes = {notification.session: None for notification, _ in pending}
        for notification, progress in pending:
            self._queue(notification, progress, at_once=True)
        apart_s = min(_APART_S, SPREAD_S / max(1, len(lanes)))
        for place, session in enumerate(lanes):
            self._sleep(self._lanes[session], place * apart_s)

    def _queue(
        self, notification: Notification, progress: DeliveryProgress, *, at_once: bool = False
    ) -> _SessionLane:
        lane = self._lanes.get(notification.session)
        if lane is None:
            lane = self._lanes[notification.session] = _SessionLane(notification.session)
        known = (pending.notification.notification_id for pending in lane.waiting)
        if notification.notification_id not in known:
            lane.waiting.append(self._pending(notification, progress, at_once=at_once))
        return lane

    def _pending(
        self, notification: Notification, progress: DeliveryProgress, *, at_once: bool
    ) -> _Pending:
        """What earlier processes wrote in Unix time, on the clock that this one waits on."""
        first_at, scheduled = progress.first_attempt_at, progress.scheduled
        return _Pending(
            notification,
            attempts=progress.attempts,
            scheduled=progress.attempts if scheduled is None else scheduled,
            first_at=None if first_at is None else min(self._moment(first_at), self._monotonic()),
            due_at=self._moment(progress.next_at),
            not_before=self._moment(progress.not_before),
            at_once=at_once,
            next_at=progress.next_at,
        )

    def _next_at(self, head: _Pending, result: Result) -> float | None:
        """When it is tried again, in Unix time."""
        if result.next_at is None:
            return None
        if head.next_at is not None and result.next_at == head.due_at:
            return head.next_at
        return self._unix_time(result.next_at)

    def _moment(self, unix_time: float | None) -> float:
        return self._monotonic() + unix_time - self._clock() if unix_time else 0.0

    def _unix_time(self, moment: float) -> float:
        return self._clock() + moment - self._monotonic()

    async def drain(self, deadline_s: float) -> int:
        """Attempt once what is waiting, then stop; returns how many were not delivered.

        What waits for its next attempt is tried at once, unless the receiver asked for later
        (Retry-After). A lane whose head fails stops there. Notifications handed in meanwhile still count.
        """
        loop = asyncio.get_running_loop()
        self._drained_by = loop.time() + deadline_s
        for lane in list(self._lanes.values()):
            if lane.timer is not None:
                lane.timer.cancel()
                lane.timer = None
                self._start(lane)
        while tasks := self._tasks():
            left_s = self._drained_by - loop.time()
            if left_s <= 0:
                break
            await asyncio.wait(tasks, timeout=left_s)
        left = len(self)
        await self.close()
        log.info("outbox_drained", undelivered=left)
        return left

    async def close(self) -> None:
        """Stop at once. Attempts under way are cut off unrecorded, and made again after the next start."""
        self._closed = True
        for lane in self._lanes.values():
            if lane.timer is not None:
                lane.timer.cancel()
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.clear()

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [lane.task for lane in self._lanes.values() if lane.task is not None]

    def _start(self, lane: _SessionLane) -> None:
        lane.timer = None
        lane.task = asyncio.get_running_loop().create_task(self._run(lane))

    def _sleep(self, lane: _SessionLane, delay_s: float) -> None:
        """Have the lane's task started again after a while; not in the last round."""
        if self._closed or self._drained_by is not None:
            lane.stopped = True
            return
        call_later = self._call_later or asyncio.get_running_loop().call_later
        lane.timer = call_later(delay_s, lambda: self._start(lane))

    async def _run(self, lane: _SessionLane) -> None:
        """Work through a lane until it is empty, or has to wait."""
        try:
            while lane.waiting:
                wait_s = await self._advance(lane)
                lane.troubles = 0
                if wait_s is not None:
                    self._sleep(lane, wait_s)
                    return
            self._lanes.pop(lane.session, None)
        except Exception:
            # Not the receiver's doing: the store, or the lookup of secrets. Nothing is lost by waiting.
            log.exception(
                "outbox_lane_stands", notification=lane.waiting[0].notification.notification_id
            )
            self._sleep(lane, _TROUBLE_S[min(lane.troubles, len(_TROUBLE_S) - 1)])
            lane.troubles += 1
        finally:
            lane.task = None

    async def _advance(self, lane: _SessionLane) -> float | None:
        """Bring the head one step on; return how long the lane has to wait, None to go on."""
        head = lane.waiting[0]
        result = head.unrecorded
        if result is None:
            wait_s = self._wait_s(head)
            if wait_s > _TIMER_RESOLUTION_S:
                return wait_s
            result = head.unrecorded = await self._attempt(head)
        next_at = self._next_at(head, result)
        name, awaited = head.notification.notification_id, len(lane.waiting) > 1
        await self._store.record_attempt(name, result.attempt, result.outcome, next_at, awaited)
        head.tried(result, next_at)
        _log_result(head, result)
        if result.barred and result.attempt.number == 1:
            self.on_barred(head.notification)
        if result.outcome is not AttemptOutcome.FAILED:
            lane.waiting.popleft()
            return None
        return max(0.0, head.due_at - self._monotonic())

    def _wait_s(self, head: _Pending) -> float:
        hurried = head.at_once or self._drained_by is not None
        return (min(head.not_before, head.due_at) if hurried else head.due_at) - self._monotonic()

    async def _attempt(self, head: _Pending) -> Result:
        server = _server_of(head.notification)
        await self._slots.acquire(server)
        try:
            try_s = self._try_s
            if self._drained_by is not None:
                # It should end by itself before it is cut off, so that it is recorded.
                left_s = self._drained_by - asyncio.get_running_loop().time()
                try_s = max(0.0, min(try_s, left_s * 0.9))
            return await self._delivery.attempt(head.notification, self._plan(head, try_s))
        finally:
            self._slots.release(server)

    def _plan(self, head: _Pending, try_s: float) -> AttemptPlan:
        """One that comes before its time is not one of the schedule."""
        early = head.attempts > 0 and self._monotonic() < head.due_at - _TIMER_RESOLUTION_S
        return AttemptPlan(
            number=head.attempts + 1,
            scheduled=head.scheduled + (0 if early else 1),
            first_at=head.first_at,
            due_at=head.due_at if early else None,
            try_s=try_s,
        )


def _server_of(notification: Notification) -> str:
    """Whom it goes to: of two servers on one machine, one may be dead and the other well."""
    url = notification.url
    return f"{url.host}:{url.port}" if isinstance(url, WebUrl) else ""


def _log_result(head: _Pending, result: Result) -> None:
    """What is tried again is counted elsewhere, but for the first attempt of one that would be in vain."""
    first_barred = result.barred and result.attempt.number == 1
    if result.outcome is not AttemptOutcome.GIVEN_UP and not first_barred:
        return
    log.warning(
        "notification_attempted",
        session=head.notification.session,
        notification=head.notification.notification_id,
        attempt=result.attempt.number,
        status=result.attempt.status,
        error=result.attempt.error,
        outcome=result.outcome.value,
        duration_ms=round(result.attempt.duration_ms, 1),
        **({"hint": _HINT} if first_barred else {}),
    )
