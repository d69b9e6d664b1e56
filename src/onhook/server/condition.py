"""How the server is, for ``/metrics``: the parts of ``/healthz``, room on the disk, credit of accounts."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from onhook.server.health import Health
from onhook.store import Account, Money, StoreError

MOST_ACCOUNTS: Final = 100
_BELIEVED_S: Final = 10.0
"""Balances are asked for no more often, however often somebody scrapes."""
_MICROS: Final = 1_000_000


class Condition(Collector):
    """What is to be looked at before it is told: :meth:`look`, then ``collect``."""

    def __init__(self, health: Health, money: Money, data: Path) -> None:
        self._health = health
        self._money = money
        self._data = data
        self._accounts: Sequence[Account] = ()
        self._asked_s = -_BELIEVED_S

    async def look(self) -> None:
        """Looks at the parts, and asks for balances. Those of a database that is away stay as they were."""
        await self._health.look()
        now_s = time.monotonic()
        if now_s - self._asked_s >= _BELIEVED_S:
            self._asked_s = now_s
            try:
                self._accounts = await self._money.lowest_prepaid(MOST_ACCOUNTS)
            except StoreError:
                return  # the database is one of the parts

    def collect(self) -> Iterator[Metric]:
        """The gauges, as of the last look."""
        degraded = GaugeMetricFamily(
            "onhook_degraded", "1 if a part of /healthz does not work.", labels=["part"]
        )
        for part, works in self._health.parts.items():
            degraded.add_metric([part], 0 if works else 1)
        yield degraded
        yield from self._disk()
        credit = GaugeMetricFamily(
            "onhook_account_credit",
            f"What prepaid accounts have left; the {MOST_ACCOUNTS} that have least.",
            labels=["account", "currency"],
        )
        for one in self._accounts:
            left = (one.points_micros + one.bonus_micros) / _MICROS
            credit.add_metric([one.account_id, one.currency], left)
        yield credit

    def _disk(self) -> Iterator[Metric]:
        """Nothing of a directory that cannot be looked at: that is one of the parts as well."""
        try:
            disk = os.statvfs(self._data)
        except OSError:
            return
        room = {"free": disk.f_bavail, "size": disk.f_blocks}
        for name, blocks in room.items():
            yield GaugeMetricFamily(
                f"onhook_disk_{name}_bytes",
                "Of the disk that the data directory is on.",
                value=blocks * disk.f_frsize,
            )
