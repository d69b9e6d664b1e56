"""On what terms a call begins: who pays, by which rate, and whether the credit covers its first step;
and by which rate it goes on when it is passed on."""

from collections.abc import Sequence
from dataclasses import dataclass

from onhook.billing import BilledLeg, Rate, sum_of
from onhook.calls import bills
from onhook.calls.charging import Charging
from onhook.calls.credit import Credit, Meter, StepMeter, Unmetered
from onhook.calls.directory import Directory
from onhook.store import Account, CallRecord, Number


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
        return await self._terms(session, number.app_id, [BilledLeg("in", number.number)])

    async def outgoing(self, session: str, app_id: str, dests: Sequence[str]) -> Terms:
        """The terms of a call that the application makes: one leg for each of ``dests`` (E.164).

        As for :meth:`incoming`. Raises also :class:`onhook.billing.LegsDiffer` for numbers that are
        charged in different steps.
        """
        return await self._terms(session, app_id, [BilledLeg("out", dest) for dest in dests])

    async def meter_of(self, record: CallRecord) -> Meter:
        """The meter of a call of an earlier process; nothing is held for it before it is resumed. Raises
        :class:`onhook.store.StoreError`, and LookupError for an application that is gone."""
        account = await self._directory.account_of(record.app_id)
        return self._meter(account, record.session, bills.rate_of(record))

    def _meter(self, account: Account, session: str, rate: Rate) -> Meter:
        if not account.prepaid:
            return Unmetered()
        return StepMeter(self._credit, account.account_id, session, rate)

    async def with_leg(self, rate: Rate, dest: str) -> Rate:
        """What a minute of a call of this ``rate`` costs, all of it, once ``dest`` has answered it as well.

        The legs that it has keep the rates by which they began. Raises
        :class:`onhook.billing.LegsDiffer` for a number that is charged in other steps, and
        :class:`onhook.store.StoreError`.
        """
        return sum_of((rate, await self._charging.rate([BilledLeg("out", dest)], rate.currency)))

    async def _terms(self, session: str, app_id: str, legs: Sequence[BilledLeg]) -> Terms:
        account = await self._directory.account_of(app_id)
        rate = await self._charging.rate(legs, account.currency)
        covered = await self._credit.covers(account, rate, session)
        return Terms(account, rate, covered, self._meter(account, session, rate))
