"""The endpoints around the blocks: what an account has, how its calls stand, where they are told."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from onhook.api import account_params as read
from onhook.api.account_info import info_fields, number_fields
from onhook.api.call_status import call_fields
from onhook.billing import BilledLeg, Tariff, from_micros, micros, money
from onhook.blocks import Endpoint, Refused, RequestKey
from onhook.blocks.account import (
    ENDPOINTS,
    GET_ACTIVE,
    GET_BALANCE,
    GET_HISTORY,
    GET_INFO,
    GET_RATE,
    PAGE_ENTRIES,
    QUERY_STATUS,
    UPDATE_FORWARDING,
)
from onhook.calls import kept_replies
from onhook.calls.clock import SINGAPORE
from onhook.calls.directory import Directory
from onhook.calls.untold import untold_links
from onhook.registry import complete
from onhook.store import Account, Application, Store
from onhook.store.history import call_of, count_calls, list_calls, notifications_of
from onhook.store.noted import AuditEntry
from onhook.store.numbers import forward, numbers_of_application
from onhook.urls import WebUrl

_LONGEST_CALL_MIN = 240
"""No call lasts longer (reference, section 9: max_duration)."""

_TXN_REF_MAX = 40
"""What is longer is no reference of ours, and is never looked up."""

Reply = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose required parameters are there, and the application that makes it."""

    application: Application
    given: Mapping[str, str]
    key: RequestKey | None = None
    operator: str = ""
    """See :attr:`onhook.api.request.ApiRequest.operator`."""


class AccountApi:
    """Answers the account and status endpoints.

    ``tariff`` gets the rates that hold now; ``resolve`` raises :class:`Refused` for a forward_to whose
    host may not be called.
    """

    def __init__(
        self,
        store: Store,
        directory: Directory,
        tariff: Callable[[], Awaitable[Tariff]],
        resolve: Callable[[WebUrl], Awaitable[None]],
        name_for: Callable[[str], str],
    ) -> None:
        """``name_for`` gives the name of a number that the audit has in its place."""
        self._store = store
        self._directory = directory
        self._tariff = tariff
        self._resolve = resolve
        self._name_for = name_for
        self._answers: Mapping[str, Callable[[Asked], Awaitable[Reply]]] = complete(
            "answer",
            (endpoint.path for endpoint in ENDPOINTS),
            {
                GET_BALANCE.path: self._balance,
                GET_INFO.path: self._info,
                QUERY_STATUS.path: self._status,
                GET_HISTORY.path: self._history,
                GET_RATE.path: self._rate,
                GET_ACTIVE.path: self._numbers,
                UPDATE_FORWARDING.path: self._forward,
            },
        )

    async def answer(self, endpoint: Endpoint, asked: Asked) -> Reply:
        """What joins the status of the reply. Raises :class:`Refused`.

        An endpoint that changes something keeps the reply of ``asked.key`` itself.
        """
        return await self._answers[endpoint.path](asked)

    async def _account(self, asked: Asked) -> Account:
        account_id = asked.application.account_id
        account = await self._store.account(account_id)
        if account is None:
            raise LookupError(f"there is no account {account_id}, but an application of it")
        return account

    # The account --------------------------------------------------------------------------------

    async def _balance(self, asked: Asked) -> Reply:
        account = await self._account(asked)
        bonus = Decimal(money(from_micros(account.bonus_micros)))
        balance = Decimal(money(from_micros(account.points_micros + account.bonus_micros)))
        return {
            "currency": account.currency,
            "balance": money(balance),
            "points": money(balance - bonus),  # so that what is shown adds up to the last decimal
            "bonus": money(bonus),
        }

    async def _info(self, asked: Asked) -> Reply:
        account = await self._account(asked)
        own = await self._directory.numbers_of(account.account_id)
        return info_fields(account, own, datetime.now(UTC))

    # Calls --------------------------------------------------------------------------------------

    async def _status(self, asked: Asked) -> Reply:
        txn_ref = asked.given["txn_ref"]
        record = await call_of(self._store, txn_ref) if len(txn_ref) <= _TXN_REF_MAX else None
        if record is None:
            raise Refused("error_invalid_txn_ref")
        if record.account_id != asked.application.account_id:
            raise Refused("error_txn_ref_access_denied")
        told = await notifications_of(self._store, record.session)
        return {**call_fields(record), **untold_links(record, told)}

    async def _history(self, asked: Asked) -> Reply:
        period, page = read.period(asked.given), read.page(asked.given)
        asked_for = asked.application.app_id, period.from_ms, period.until_ms
        total = await count_calls(self._store, *asked_for)
        skip = (page - 1) * PAGE_ENTRIES
        found = (
            await list_calls(self._store, *asked_for, skip=skip, most=PAGE_ENTRIES)
            if skip < total
            else ()
        )
        return {
            "total_entries_count": str(total),
            "entries_count": str(len(found)),
            "entries": [call_fields(record) for record in found],
        }

    async def _rate(self, asked: Asked) -> Reply:
        legs = [BilledLeg("out", read.number(asked.given, name)) for name in ("dest1", "dest2")]
        account = await self._account(asked)
        tariff = await self._tariff()
        # Added here and not by the tariff, which refuses to add legs of other steps: a bill could not
        # be made of them, but what a minute of both costs can be said.
        rate = sum((tariff.leg(leg, account.currency).per_minute for leg in legs), Decimal(0))
        return {
            "currency": account.currency,
            "rate": money(rate),
            "talktime": str(_talktime_min(account, rate)),
        }

    # Numbers ------------------------------------------------------------------------------------

    async def _numbers(self, asked: Asked) -> Reply:
        found = await numbers_of_application(self._store, asked.application.app_id)
        today = datetime.now(SINGAPORE).date()
        count = str(len(found))
        return {
            "total_entries_count": count,
            "entries_count": count,
            "entries": [number_fields(one, today) for one in found],
        }

    async def _forward(self, asked: Asked) -> Reply:
        called, target = read.number(asked.given, "number"), read.forward_to(asked.given)
        read.only_voice(asked.given)
        number = await self._store.number(called)
        if number is None or number.app_id != asked.application.app_id:
            raise Refused("error_number_not_assigned")
        if target is not None:
            await self._resolve(target)
        url = asked.given.get("forward_to") or number.forward_to
        kept = kept_replies.accepted(asked.application.app_id, asked.key, {})
        named = self._name_for(number.number)
        noted = AuditEntry(asked.application.app_id, "api", "number set", named, "forward-to")
        await forward(self._store, number.number, url, kept, noted)
        self._directory.forget_number(number.number)
        return {}


def _talktime_min(account: Account, per_minute: Decimal) -> int:
    """Whole minutes that the balance pays for; the longest call where it sets no limit."""
    if not account.prepaid or not per_minute:
        return _LONGEST_CALL_MIN
    balance = account.points_micros + account.bonus_micros
    return max(0, balance) // micros(per_minute)
