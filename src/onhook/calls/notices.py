"""Notifications: what is said in them, as the API writes it. Pure but for the ids."""

from decimal import Decimal
from typing import Final

from onhook.billing import money
from onhook.blocks import CALL
from onhook.call import Contact, EndedBy, Fields, Notification, State
from onhook.calls import bills, clock, media_figures
from onhook.calls.explaining import WANTED
from onhook.calls.identifiers import new_notification_id
from onhook.store import CallRecord

_ENDED: Final = State.ENDED.value
_BY_NETWORK: Final = EndedBy.NETWORK.value


def fields(record: CallRecord, contact: Contact, call_state: str) -> dict[str, str]:
    """What every notification of a call carries, and what its block came to."""
    return {
        "ivr_block": contact.block,
        "session": record.session,
        "txn_ref": record.txn_ref,
        "tag": contact.tag,
        **_numbers(record),
        "call_state": call_state,
        **dict(record.facts.always),
        **_outcome(record, contact),
    }


def _numbers(record: CallRecord) -> dict[str, str]:
    if record.direction == "out":
        return {"dest": record.dest_number}
    return {"from": record.from_number, "to": record.to_number}


def _outcome(record: CallRecord, contact: Contact) -> dict[str, str]:
    """The block's own fields. A call of two numbers tells of both, in the two spellings of clients."""
    if contact.block != CALL.name:
        return dict(contact.fields)
    first, second = both_outcomes(record, contact.fields)
    return {
        "call_status_dest1": first,
        "call_status_dest2": second,
        "call_status_dest_1": first,
        "call_status_dest_2": second,
    }


def both_outcomes(record: CallRecord, told: Fields) -> tuple[str, str]:
    """What became of the calls to dest1 and dest2; whoever was never called did not answer."""
    known = dict(told)
    second = known.get("call_status_dest2", "unanswered")
    if record.answered_ms is not None:
        return "answered", second
    return known.get("dial_status", "failed"), "unanswered"


def ended_fields(record: CallRecord) -> dict[str, str]:
    """What the terminal notification carries besides, read off the record of a call that ended."""
    return {
        "date": clock.api_date(record.began_ms),
        "duration": str(record.minutes),
        "currency": record.currency,
        "rate": money(bills.rate_of(record).per_minute),
        "debit": money(Decimal(record.debit)),
        "ended_by": record.ended_by,
        "cause": record.cause,
        **({"sip_cause": record.sip_cause} if record.sip_cause else {}),
        **_sip_fields(record),
        **lost_fields(record),
        **(media_figures.told(record.facts.media) if record.facts.tells_media else {}),
    }


def _sip_fields(record: CallRecord) -> dict[str, str]:
    """The final response, and the other side's Reason. Of a call that was answered to us there is only a
    response of ours, which the answer says enough of."""
    answered = record.direction == "out" and record.answered_ms is not None
    code = record.sip_code or (200 if answered else None)
    reason = record.facts.sip_reason
    return {
        **({"sip_code": str(code)} if code is not None else {}),
        **({"sip_reason": reason} if reason else {}),
    }


def lost_fields(record: CallRecord) -> dict[str, str]:
    """Of a call that the network ended: when its phone was last known to be there, and what that received."""
    if record.ended_by != _BY_NETWORK or record.ended_ms is None:
        return {}
    received_s = record.facts.received_s
    seen = {"last_seen": clock.api_date(record.ended_ms)}
    return seen | {"received_s": received_s} if received_s else seen


def notification(
    record: CallRecord, contact: Contact, call_state: str, sequence: int
) -> Notification:
    """What is to be told of a call. ``record`` is of the same moment."""
    told = fields(record, contact, call_state)
    if record.state == _ENDED:
        told |= ended_fields(record)
        if record.facts.tells_why:
            told |= WANTED
    return Notification(
        notification_id=new_notification_id(),
        session=record.session,
        app_id=record.app_id,
        sequence=sequence,
        url=contact.url,
        fields=told,
        created_ms=record.written_ms,
        format=record.facts.format or "form",
    )
