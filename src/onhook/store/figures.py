"""Calls summed up by hour or by day, for charts: one query each, of a bounded stretch of time, in the thread
that reads."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Numeric, Select, case, cast, func, select
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import schema
from onhook.store.database import StoreError

if TYPE_CHECKING:
    from onhook.store.sql import Store

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MOST_STEPS: Final = 400
"""Of one question."""
_FAULTS: Final = (
    "crash",
    "media_lost",
    "no_ack",
    "failed",
    "message_incomplete",
    "transfer_failed",
)
"""Causes of an end that are somebody's trouble."""
_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """What began within one hour or day (UTC), in one currency."""

    begin_ms: int
    currency: str
    calls: int
    answered: int
    faults: int
    """Ended by the network, or for a cause that is a fault."""
    talked_ms: int
    ringing_ms: int
    """From the first ring to the answer, of those that were answered, together."""
    debit_micros: int


@dataclass(frozen=True, slots=True)
class Told:
    """Notifications of the calls that began within one hour or day."""

    begin_ms: int
    attempts: int
    failed: int
    took_ms: int
    """All attempts together."""


async def summed_calls(store: "Store", since_ms: int, until_ms: int, step_ms: int) -> list[Step]:
    """Of the calls that began from ``since_ms`` to before ``until_ms``: a row a step and currency, in order;
    no row where there was no call. Raises StoreError, and ValueError for more than ``MOST_STEPS``."""
    calls = schema.calls.c
    begin = _step(calls.began_ms, since_ms, until_ms, step_ms)
    micros = cast(func.round(cast(calls.debit, Numeric(20, 6)) * _MICROS), BigInteger)
    fault = (calls.ended_by == "network") | calls.cause.in_(_FAULTS)
    wanted = select(
        begin,
        calls.currency,
        func.count(),
        func.count(calls.answered_ms),
        func.sum(case((fault, 1), else_=0)),
        func.sum(case((calls.answered_ms.is_not(None), calls.duration_ms), else_=0)),
        func.sum(func.coalesce(calls.answered_ms - calls.began_ms, 0)),
        func.sum(micros),
    )
    rows = await _rows(store, _within(wanted, since_ms, until_ms).group_by(begin, calls.currency))
    return [Step(int(row[0]), row[1], *map(int, row[2:])) for row in sorted(rows)]


async def summed_notifications(
    store: "Store", since_ms: int, until_ms: int, step_ms: int
) -> list[Told]:
    """The attempts for those calls, a row a step, in order. Raises as `summed_calls` does."""
    calls, told, attempts = schema.calls, schema.notifications, schema.attempts
    begin = _step(calls.c.began_ms, since_ms, until_ms, step_ms)
    good = attempts.c.status.between(200, 299)
    wanted = select(
        begin,
        func.count(),
        func.sum(case((good, 0), else_=1)),
        func.sum(attempts.c.duration_ms),
    ).select_from(
        calls.join(told, told.c.session == calls.c.session).join(
            attempts, attempts.c.notification_id == told.c.notification_id
        )
    )
    rows = await _rows(store, _within(wanted, since_ms, until_ms).group_by(begin))
    return [Told(*map(int, row)) for row in sorted(rows)]


def _step(began_ms: Any, since_ms: int, until_ms: int, step_ms: int) -> Any:
    if until_ms - since_ms > MOST_STEPS * step_ms:
        raise ValueError(f"more than {MOST_STEPS} steps")
    return began_ms - began_ms % step_ms


def _within(wanted: Select[Any], since_ms: int, until_ms: int) -> Select[Any]:
    calls = schema.calls.c
    return wanted.where(
        # Of every application: so the index serves that has them before the time.
        calls.app_id.in_(select(schema.applications.c.app_id)),
        calls.began_ms >= since_ms,
        calls.began_ms < until_ms,
    )


async def _rows(store: "Store", wanted: Select[Any]) -> list[tuple[Any, ...]]:
    try:
        return [tuple(row) for row in await store.database.query(wanted)]
    except SQLAlchemyError as error:
        raise StoreError(f"The database refused a query: {type(error).__name__}.") from error
