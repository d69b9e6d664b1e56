"""Between the outbox and the store: how far deliveries have come, and which are wanted once more."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from onhook.call import Notification
from onhook.notify.attempt import AttemptOutcome, DeliveryProgress
from onhook.notify.handover import Tried
from onhook.store import (
    AttemptRecord,
    NotificationOutcome,
    Store,
    StoredNotification,
    StoreError,
    Writes,
)
from onhook.store.marks import Mark, mark
from onhook.store.reports import claim_replays

log = structlog.get_logger()

LOOK_S = 1.0
"""How often the store is asked for notifications that an operator wants sent once more."""


class Attempts:
    """Keeps what the outbox tried (notify.AttemptStore); ``count`` hears of each outcome, ``seen`` of all
    that is kept."""

    def __init__(
        self,
        store: Store,
        count: Callable[[str], None],
        seen: Callable[[Sequence[Tried]], None] | None = None,
    ) -> None:
        self._store = store
        self._count = count
        self._seen = seen

    def record_attempts(
        self, several: Sequence[Tried], told: Callable[[Exception | None], None]
    ) -> None:
        """Writes the attempts, and where their notifications stand now: with whatever is written next, unless
        another notification waits for one of them."""
        attempts = tuple(map(_attempt_record, several))
        writes = Writes(attempts=attempts, outcomes=tuple(map(_stands, several)))

        def written(error: Exception | None) -> None:
            try:
                if error is None:
                    for tried in several:
                        self._count(tried.outcome.value)
                    if self._seen is not None:
                        self._seen(several)
            finally:  # whatever becomes of a listener, what is behind these waits for it
                told(error)

        awaited = any(tried.awaited for tried in several)
        self._store.write(writes, written, patient=not awaited)

    def recorded(self, several: Sequence[Tried]) -> asyncio.Future[None]:
        """The same for whoever waits: done once they are written, or with what went wrong."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told(error: Exception | None) -> None:
            if not future.done():
                future.set_result(None) if error is None else future.set_exception(error)

        self.record_attempts(several, told)
        return future


def _attempt_record(tried: Tried) -> AttemptRecord:
    made = tried.attempt
    return AttemptRecord(
        tried.notification_id,
        made.number,
        _ms(made.at),
        round(made.duration_ms),
        made.status,
        made.error or "",
    )


def _stands(tried: Tried) -> NotificationOutcome:
    made, outcome = tried.attempt, tried.outcome
    return NotificationOutcome(
        tried.notification_id,
        "pending" if outcome is AttemptOutcome.FAILED else outcome.value,
        made.number,
        _ms(made.at) if made.number == 1 else None,
        None if tried.next_at is None else _ms(tried.next_at),
        made.scheduled,
        _ms(made.not_before) or None,
    )


def progress_of(stored: StoredNotification) -> DeliveryProgress:
    """The reverse: where the notification stands, as the outbox takes it."""
    return DeliveryProgress(
        first_attempt_at=_seconds(stored.first_attempt_ms),
        attempts=stored.attempts,
        next_at=_seconds(stored.next_ms),
        scheduled=stored.scheduled,
        not_before=_seconds(stored.not_before_ms) or 0.0,
    )


async def undelivered(
    store: Store, owner: str
) -> AsyncGenerator[Sequence[tuple[Notification, DeliveryProgress]], None]:
    """What a worker has not delivered, part by part, as notify.Undelivered; a database that is away is waited
    for."""
    read: set[str] = set()
    while True:
        try:
            async for part in store.undelivered_parts(owner):
                yield [(one, progress_of(one)) for one in part if one.notification_id not in read]
                read.update(one.notification_id for one in part)
            return
        except (StoreError, SQLAlchemyError) as error:
            log.warning("undelivered_not_read", error=type(error).__name__)
            await asyncio.sleep(LOOK_S)


async def hand_over_replays(
    store: Store, deliver: Callable[[Notification, DeliveryProgress], None]
) -> None:
    """Hands notifications that another process marked to the outbox, until it is cancelled. A database that
    is away is asked again; the log says so once."""
    away = False
    looked: Mark | None = None
    while True:
        try:
            now = mark(store.database)
            if now is None or now != looked:
                for stored in await claim_replays(store):
                    log.info("notification_replayed", notification=stored.notification_id)
                    deliver(stored, progress_of(stored))
                looked = now
            away = False
        except (StoreError, SQLAlchemyError) as error:
            if not away:
                log.warning("replays_not_read", error=type(error).__name__)
            away = True
        except Exception:  # the root of a background task
            log.exception("replays_not_handed_over")
        await asyncio.sleep(LOOK_S)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
