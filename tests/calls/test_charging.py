"""The rate table is read beside the calls, and none of them waits while it is believed."""

import asyncio
from decimal import Decimal
from typing import cast

import pytest

from onhook.calls import clock
from onhook.calls.charging import Charging
from onhook.store import Money, RateRecord

CHEAP = RateRecord("in", "", "USD", 10_000, 60, 60)
DEAR = RateRecord("in", "", "USD", 20_000, 60, 60)


class Rates:
    """A table of one row, whose readers wait until they are let go on (Money)."""

    def __init__(self) -> None:
        self.record = CHEAP
        self.revision = 1
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    async def rates_revision(self) -> int:
        self.asked.set()
        await self.answers.wait()
        return self.revision

    async def rates(self) -> list[RateRecord]:
        return [self.record]


async def test_no_call_waits_for_a_table_that_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(clock, "now_s", lambda: now_s)
    table = Rates()
    charging = Charging(cast(Money, table), Decimal("0.5"))
    first = await charging.tariff()
    table.asked.clear()
    table.answers.clear()
    table.record, table.revision = DEAR, 2
    now_s += 1.5
    assert await charging.tariff() is first  # nobody has answered
    await table.asked.wait()
    assert await charging.tariff() is first
    late = asyncio.create_task(charging.tariff())
    now_s += 1.0
    expired = asyncio.create_task(charging.tariff())
    table.answers.set()
    assert await late is not first
    assert await expired is await late
    assert await charging.tariff() is await late
