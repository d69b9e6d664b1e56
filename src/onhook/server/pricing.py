"""On what terms a call begins: who pays, by which rate, and whether the credit covers its first step."""

from dataclasses import dataclass

from onhook.billing import Leg, Rate
from onhook.server.charging import Charging
from onhook.server.credit import Credit, Meter, StepMeter, Unmetered
from onhook.server.directory import Directory
from onhook.store import Account, Number


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one call, from its beginning to its end."""

    account: Account
    rate: Rate
    covered: bool
    """Whether the account can pay for the first step."""
    meter: Meter


class Pricing:
    """Finds the terms of a call that begins."""

    def __init__(self, directory: Directory, charging: Charging, credit: Credit) -> None:
        self._directory = directory
        self._charging = charging
        self._credit = credit

    async def incoming(self, session: str, number: Number) -> Terms:
        """The terms of a call to one of our numbers: it has one leg, charged by that number.

        What it holds of a prepaid account is given back by ``meter.release()``. Raises
        :class:`onhook.store.StoreError`, and LookupError for a number whose application is gone.
        """
        account = await self._directory.account_of(number.app_id)
        rate = await self._charging.rate([Leg("in", number.number)], account.currency)
        covered = await self._credit.covers(account, rate, session)
        meter: Meter = Unmetered()
        if account.prepaid:
            meter = StepMeter(self._credit, account.account_id, session, rate)
        return Terms(account, rate, covered, meter)
