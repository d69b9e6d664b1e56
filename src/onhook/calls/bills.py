"""What a call's record says about money, read and written. Pure.

A bill can be recomputed from the record alone, which is how a call is billed after a crash: rate,
steps, and from when to when it was answered.
"""

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from onhook.billing import Bill, Rate, exact, micros
from onhook.store import CallRecord, Debit


def priced(record: CallRecord, rate: Rate) -> CallRecord:
    """The record of a call that is charged by this rate, whatever the rate table says later."""
    return replace(
        record,
        currency=rate.currency,
        rate=exact(rate.per_minute),
        initial_s=rate.initial_s,
        increment_s=rate.increment_s,
    )


def rate_of(record: CallRecord) -> Rate:
    """The rate that the call began with."""
    return _rate(record.currency, record.rate, record.initial_s, record.increment_s)


@lru_cache(maxsize=256)
def _rate(currency: str, per_minute: str, initial_s: int, increment_s: int) -> Rate:
    """There are as many as there are prices, and each call asks three times."""
    return Rate(currency, Decimal(per_minute), initial_s, increment_s)


def billed(record: CallRecord, bill: Bill) -> CallRecord:
    """The record with what the call came to."""
    return replace(record, **came_to(bill))  # type: ignore[arg-type]  # names of its fields


def came_to(bill: Bill) -> dict[str, object]:
    """What a bill puts into the record, by the names of its fields."""
    return {
        "duration_ms": bill.duration_ms,
        "billed_s": bill.billed_s,
        "minutes": bill.minutes,
        "debit": exact(bill.debit),
    }


def debits(record: CallRecord) -> tuple[Debit, ...]:
    """What a call that ended takes from its account, for the transaction that says it has ended.

    Nothing, while it goes on or if it cost nothing. Writing it again changes nothing.
    """
    amount_micros = micros(Decimal(record.debit))
    if record.ended_ms is None or amount_micros == 0:
        return ()
    return (Debit(record.session, record.account_id, record.ended_ms, amount_micros),)
