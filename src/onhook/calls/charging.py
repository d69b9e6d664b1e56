"""What a call costs: the rate table of the store, kept in memory.

The ``onhook`` command changes the table from another process. Every two seconds at the most its
revision is asked for, and only if that is another one is the table read again. Under load that is done beside
the calls, in the second half of that time: none of them waits for it.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import structlog

from onhook.billing import BilledLeg, Rate, RateRow, Tariff, from_micros, micros
from onhook.calls import clock
from onhook.store import Money, RateRecord, StoreError

log = structlog.get_logger()

_BELIEVED_S = 2.0


class Charging:
    """The rate of a call. ``default`` is charged for a minute where no row of the table fits."""

    def __init__(self, money: Money, default: Decimal) -> None:
        self._money = money
        self._default = default
        self._reading = asyncio.Lock()
        self._tariff: Tariff | None = None
        self._revision = -1
        self._asked_s = 0.0
        self._beside: asyncio.Task[Tariff] | None = None
        """Asks for the revision while the table that is known is still believed."""

    async def rate(self, legs: Sequence[BilledLeg], currency: str) -> Rate:
        """What a minute of a call with these legs costs now, in its account's currency.

        Raises :class:`StoreError` if the table was never read and cannot be, and
        :class:`onhook.billing.LegsDiffer` for legs whose rates have no sum.
        """
        return (await self.tariff()).call(legs, currency)

    async def tariff(self) -> Tariff:
        """The rate table of now, give or take two seconds. Raises :class:`StoreError`."""
        known, age_s = self._tariff, clock.now_s() - self._asked_s
        if known is None or age_s >= _BELIEVED_S:
            return await self._asked()
        if age_s >= _BELIEVED_S / 2 and self._beside is None:
            self._beside = asyncio.create_task(self._asked(_BELIEVED_S / 2))
            self._beside.add_done_callback(self._was_asked)
        return known

    async def _asked(self, believed_s: float = _BELIEVED_S) -> Tariff:
        """One asks, and whoever comes meanwhile waits for its answer."""
        async with self._reading:
            if self._tariff is None or clock.now_s() - self._asked_s >= believed_s:
                asked_s = clock.now_s()
                self._tariff = await self._read(self._tariff)
                self._asked_s = asked_s
            return self._tariff

    def _was_asked(self, task: "asyncio.Task[Tariff]") -> None:
        self._beside = None
        if not task.cancelled() and task.exception() is not None:
            log.warning("refresh_failed", error=type(task.exception()).__name__)

    async def _read(self, known: Tariff | None) -> Tariff:
        try:
            revision = await self._money.rates_revision()
            if known is not None and revision == self._revision:
                return known
            records = await self._money.rates()
        except StoreError:
            if known is None:
                raise
            log.exception("rates_not_read")  # yesterday's rate is better than no call
            return known
        tariff = await asyncio.to_thread(self._built, records)
        self._revision = revision
        log.info("rates_read", rows=len(records), revision=revision)
        return tariff

    def _built(self, records: Sequence[RateRecord]) -> Tariff:
        return Tariff(map(row, records), self._default)


def row(record: RateRecord) -> RateRow:
    """A stored row as billing takes it."""
    per_minute = from_micros(record.per_minute_micros)
    rate = Rate(record.currency, per_minute, record.initial_s, record.increment_s)
    return RateRow("in" if record.direction == "in" else "out", record.prefix, rate)


def record(row: RateRow) -> RateRecord:
    """A row as it is stored."""
    return RateRecord(
        direction=row.direction,
        prefix=row.prefix,
        currency=row.rate.currency,
        per_minute_micros=micros(row.rate.per_minute),
        initial_s=row.rate.initial_s,
        increment_s=row.rate.increment_s,
    )
