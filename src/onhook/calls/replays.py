"""Notifications that an operator wants sent once more: another process marks them in the store."""

import asyncio
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from onhook.calls.notices import outgoing
from onhook.notify.notification import Notification
from onhook.store import Store, StoreError
from onhook.store.reports import claim_replays

log = structlog.get_logger()

LOOK_S = 1.0
"""How often the store is asked."""


async def hand_over_replays(store: Store, deliver: Callable[[Notification], None]) -> None:
    """Hands marked notifications to the outbox, until it is cancelled. A database that is away is
    asked again; the log says so once."""
    away = False
    while True:
        try:
            for record in await claim_replays(store):
                log.info("notification_replayed", notification=record.notification_id)
                deliver(outgoing(record))
            away = False
        except (StoreError, SQLAlchemyError) as error:
            if not away:
                log.warning("replays_not_read", error=type(error).__name__)
            away = True
        except Exception:  # the root of a background task
            log.exception("replays_not_handed_over")
        await asyncio.sleep(LOOK_S)
