"""What a call costs: rates, rounding, the bill, credit. Money is Decimal or whole micros, never float."""

from onhook.billing.amounts import (
    FinerThanMicro,
    MoneyError,
    NotAnAmount,
    amount,
    exact,
    from_micros,
    micros,
    money,
)
from onhook.billing.credit import Holds, asked_after_s, covers, held_for
from onhook.billing.ratefile import RateFileInvalid, RateInvalid, rate_row, read_rates
from onhook.billing.rating import Bill, LegsDiffer, Rate, StepsInvalid, bill, bill_ms, sum_of
from onhook.billing.tariff import BilledLeg, RateRow, Tariff

__all__ = [
    "Bill",
    "BilledLeg",
    "FinerThanMicro",
    "Holds",
    "LegsDiffer",
    "MoneyError",
    "NotAnAmount",
    "Rate",
    "RateFileInvalid",
    "RateInvalid",
    "RateRow",
    "StepsInvalid",
    "Tariff",
    "amount",
    "asked_after_s",
    "bill",
    "bill_ms",
    "covers",
    "exact",
    "from_micros",
    "held_for",
    "micros",
    "money",
    "rate_row",
    "read_rates",
    "sum_of",
]
