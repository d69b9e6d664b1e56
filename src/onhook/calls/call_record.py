"""What is stored of a call, read off its state as it is now."""

from dataclasses import replace
from typing import Final

from onhook.billing import bill
from onhook.call import Call, Contact, End, Fields, State
from onhook.calls import bills, clock
from onhook.store import NOT_GOING_ON, CallRecord, NotificationContext, StoredDialogs

_WRITTEN: Final = {state: state.value for state in State}
"""The states as they are stored."""


def changes(
    record: CallRecord, call: Call, *, told: int, dialog: StoredDialogs | None, srtp: str = ""
) -> dict[str, object]:
    """What of the record is to be written after something happened, by the names of its fields; after most
    digits that is nothing.

    ``told`` counts the notifications that it caused; ``dialog`` is None if it is as before; ``srtp`` is the
    suite by which it is encrypted, empty where it is not, or not any more because it is over.
    """
    now: dict[str, object] = {}
    # A reservation is not stored: it does not survive a restart.
    state = _WRITTEN[call.rest if call.state is State.PREPARING else call.state]
    facts = _context(record.facts, call, srtp)
    if facts is not record.facts:
        now["facts"] = facts
    if state != record.state:
        now["state"] = state
    _contact(record, call.contact, now)
    if told:
        now["sequence"] = record.sequence + told
    _answer(record, _billed_from(call), now)
    if dialog is not None and dialog != record.dialog:
        now["dialog"] = dialog
    if call.end is not None:
        if _ends_anew(record, call.end):
            now |= _ending(record, call, call.end)
        if record.going_on is not NOT_GOING_ON:
            now["going_on"] = NOT_GOING_ON
    return now


def _contact(record: CallRecord, contact: Contact | None, now: dict[str, object]) -> None:
    block, url, tag = (contact.block, contact.url.text, contact.tag) if contact else ("", "", "")
    if block != record.contact_block:
        now["contact_block"] = block
    if url != record.contact_url:
        now["contact_url"] = url
    if tag != record.contact_tag:
        now["contact_tag"] = tag


def _context(known: NotificationContext, call: Call, srtp: str) -> NotificationContext:
    """The very same object if nothing of it is another now."""
    end = call.end
    fields, srtp, received_s = _fields(call), srtp or known.srtp, ""
    parting: Fields = ()
    reason, operator = known.sip_reason, known.operator
    if end is not None:
        received_s = _received_s(call, end)
        reason, operator = end.sip_reason or reason, end.operator or operator
        parting = end.headers if call.state is State.CLOSING else ()
    if (
        fields == known.fields
        and call.monitor == known.monitor
        and received_s == known.received_s
        and reason == known.sip_reason
        and operator == known.operator
        and srtp == known.srtp
        and parting == known.parting
    ):
        return known
    return replace(
        known,
        fields=fields,
        monitor=call.monitor,
        received_s=received_s,
        sip_reason=reason,
        operator=operator,
        srtp=srtp,
        parting=parting,
    )


def _answer(record: CallRecord, answered_at: float | None, now: dict[str, object]) -> None:
    """On both clocks, and once: the wall clock may be set."""
    if answered_at is None:
        if record.answered_ms is not None:
            now["answered_ms"] = now["answered_mono_ms"] = None
    elif record.answered_ms is None:
        now["answered_ms"] = clock.wall_ms(answered_at)
        now["answered_mono_ms"] = clock.mono_ms(answered_at)


def _ends_anew(record: CallRecord, end: End) -> bool:
    """Whether its end is to be written: the first, or what our BYE showed it to have been."""
    return record.ended_ms is None or (record.ended_by, record.cause) != (end.by.value, end.cause)


def _received_s(call: Call, end: End) -> str:
    """Seconds from the answer to what the far end received last; empty if that is not known."""
    if end.received_at is None or call.answered_at is None:
        return ""
    return f"{max(0.0, end.received_at - call.answered_at):.3f}"


def _billed_from(call: Call) -> float | None:
    """When it was answered. What ended unacknowledged was never heard: it counts as not answered."""
    return call.answered_at if call.end is None or call.acknowledged else None


def _fields(call: Call) -> Fields:
    """What the terminal notification would carry of the last block, should the process die now."""
    work = call.job.work if call.job is not None else None
    if call.state is State.RUNNING and work is not None and not work.keeps_contact:
        return (*work.known(), *call.monitoring)
    return call.contact.fields if call.contact is not None else call.untold


def _ending(record: CallRecord, call: Call, end: End) -> dict[str, object]:
    return {
        "ended_ms": clock.wall_ms(end.at),
        "ended_by": end.by.value,
        "cause": end.cause,
        "sip_cause": end.sip_cause,
        "sip_code": record.sip_code if end.sip_code is None else end.sip_code,
        **bills.came_to(bill(bills.rate_of(record), _billed_from(call), end.at)),
    }
