"""What is stored of a call, read off its state as it is now."""

from dataclasses import replace

from onhook.billing import bill
from onhook.call import Call, Contact, Fields, State
from onhook.calls import bills, clock
from onhook.store import NOT_GOING_ON, CallRecord, NotificationContext, StoredDialogs


def changes(
    record: CallRecord, call: Call, *, told: int, dialog: StoredDialogs | None, srtp: str = ""
) -> dict[str, object]:
    """What of the record is to be written after something happened, by the names of its fields; after most
    digits that is nothing.

    ``told`` counts the notifications that it caused; ``dialog`` is None if it is as before; ``srtp`` is the
    suite by which it is encrypted, empty where it is not, or not any more because it is over.
    """
    now: dict[str, object] = {}
    facts, state = _context(record.facts, call, srtp), _stored_state(call).value
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
    if _ends_anew(record, call):
        now |= _ending(record, call)
    if call.end is not None and record.going_on is not NOT_GOING_ON:
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
    fields, received_s, srtp = _fields(call), _received_s(call), srtp or known.srtp
    reason = (end.sip_reason if end is not None else "") or known.sip_reason
    operator = (end.operator if end is not None else "") or known.operator
    parting = end.headers if end is not None and call.state is State.CLOSING else ()
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


def _ends_anew(record: CallRecord, call: Call) -> bool:
    """Whether there is an end to be written: the first, or what our BYE showed it to have been."""
    end = call.end
    return end is not None and (
        record.ended_ms is None or (record.ended_by, record.cause) != (end.by.value, end.cause)
    )


def _received_s(call: Call) -> str:
    """Seconds from the answer to what the far end received last; empty if that is not known."""
    end = call.end
    if end is None or end.received_at is None or call.answered_at is None:
        return ""
    return f"{max(0.0, end.received_at - call.answered_at):.3f}"


def _billed_from(call: Call) -> float | None:
    """When it was answered. What ended unacknowledged was never heard: it counts as not answered."""
    return call.answered_at if call.end is None or call.acknowledged else None


def _stored_state(call: Call) -> State:
    """A reservation is not stored: it does not survive a restart."""
    return call.rest if call.state is State.PREPARING else call.state


def _fields(call: Call) -> Fields:
    """What the terminal notification would carry of the last block, should the process die now."""
    work = call.job.work if call.job is not None else None
    if call.state is State.RUNNING and work is not None and not work.keeps_contact:
        return (*work.known(), *call.monitoring)
    return call.contact.fields if call.contact is not None else call.untold


def _ending(record: CallRecord, call: Call) -> dict[str, object]:
    if call.end is None:
        return {}
    return {
        "ended_ms": clock.wall_ms(call.end.at),
        "ended_by": call.end.by.value,
        "cause": call.end.cause,
        "sip_cause": call.end.sip_cause,
        "sip_code": record.sip_code if call.end.sip_code is None else call.end.sip_code,
        **bills.came_to(bill(bills.rate_of(record), _billed_from(call), call.end.at)),
    }
