"""Says once a second that this worker is alive, so that a crash is billed to the second.

It goes to disk only after everything that calls had written before it is there. A call of which
this is the last that is known was therefore still going on at that moment, as far as this process
knew.
"""

import asyncio
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from onhook.calls import clock
from onhook.calls.journal import Journal
from onhook.store import Store, WorkerAlive, Writes

log = structlog.get_logger()

EVERY_S = 1.0


async def beat(
    store: Store, journal: Journal, owner: str, busy: Callable[[], bool], every_s: float = EVERY_S
) -> None:
    """Writes the heartbeat of ``owner`` for ever, whenever ``busy`` says that there are calls.

    Not while the journal owes something: that a call has ended may be what could not be written.
    """
    failing = False
    while True:
        await asyncio.sleep(every_s)
        alive = _alive(owner)
        if not busy() or not await journal.caught_up():
            continue
        try:
            await store.submit(Writes(alive=alive))
            failing = False
        except SQLAlchemyError as error:
            if not failing:
                log.warning("heartbeat_not_written", error=type(error).__name__)
            failing = True


def _alive(owner: str) -> WorkerAlive:
    now_s = clock.now_s()
    return WorkerAlive(owner, clock.wall_ms(now_s), clock.mono_ms(now_s), clock.boot_id())
