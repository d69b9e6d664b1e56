"""The fields of a notification, as the API writes them. Pure."""

from onhook.billing import Bill, money
from onhook.call import Contact, End
from onhook.server.clock import api_date
from onhook.store import CallRecord


def fields(record: CallRecord, contact: Contact, call_state: str) -> dict[str, str]:
    """What every notification of an incoming call carries."""
    return {
        "ivr_block": contact.block,
        "session": record.session,
        "txn_ref": record.txn_ref,
        "tag": contact.tag,
        "from": record.from_number,
        "to": record.to_number,
        "call_state": call_state,
    }


def ended_fields(record: CallRecord, bill: Bill, end: End) -> dict[str, str]:
    """What the terminal notification carries besides."""
    return {
        "date": api_date(record.began_ms),
        "duration": str(bill.minutes),
        "currency": bill.rate.currency,
        "rate": money(bill.rate.per_minute),
        "debit": money(bill.debit),
        "ended_by": end.by.value,
        "cause": end.cause,
        **({"sip_cause": end.sip_cause} if end.sip_cause else {}),
    }
