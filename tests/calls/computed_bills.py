"""Bills as whoever has nothing but the records of calls would compute them."""

from onhook.billing import Bill, bill_ms
from onhook.calls.bills import rate_of
from onhook.store import CallRecord


def bill_of(record: CallRecord) -> Bill:
    """The bill of a call that ended, computed anew from its record."""
    answered = record.answered_ms is not None
    return bill_ms(rate_of(record), record.duration_ms if answered else None)
