"""A call as ``voice/query_status`` and ``voice/get_history`` show it. Pure."""

from decimal import Decimal

from onhook.billing import money
from onhook.calls.clock import api_date
from onhook.calls.untold import untold_links
from onhook.store import CallRecord

_ENDED = "ended"
_NEVER_ANSWERED = {
    "rejected": "busy",
    "busy": "busy",
    "cancelled": "unanswered",
    "hangup": "unanswered",
    "ring_timeout": "unanswered",
    "forward_to_refused": "unanswered",
    "unanswered": "unanswered",
    "forced_hangup": "unanswered",
}
"""What a call that was never answered came to, by the cause of its end; any other cause is a failure."""


def call_status(record: CallRecord) -> str:
    """What became of a call, in the words of dial_status (reference, section 5).

    It is ongoing until its end, its bill and its last notification are written, all three together.
    """
    if record.state != _ENDED:
        return "ongoing"
    if record.answered_ms is not None:
        return "answered"
    return _NEVER_ANSWERED.get(record.cause, "failed")


def _both(record: CallRecord) -> tuple[str, str]:
    """What became of both sides; only a call of two numbers has two that differ."""
    status = call_status(record)
    if record.direction == "in" or not record.to_number or status == "ongoing":
        return status, status
    told = dict(record.facts.fields)
    return status, told.get("call_status_dest2", "unanswered")


def call_fields(record: CallRecord) -> dict[str, str]:
    """The fields of a call; how long it lasted, and what that cost, once it is over."""
    first, second = _both(record)
    outgoing = record.direction == "out"
    over = record.state == _ENDED
    return {
        "txn_ref": record.txn_ref,
        "tag": record.tag,
        "dest1": record.dest_number if outgoing else record.from_number,
        "dest2": record.to_number,
        "call_status_dest1": first,
        "call_status_dest2": second,
        "call_status_dest_1": first,
        "call_status_dest_2": second,
        "date": api_date(record.began_ms),
        **({"duration": str(record.minutes)} if over else {}),
        "currency": record.currency,
        "rate": money(Decimal(record.rate)),
        **({"debit": money(Decimal(record.debit))} if over else {}),
        **untold_links(record),
    }
