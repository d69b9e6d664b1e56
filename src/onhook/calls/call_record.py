"""What is stored of a call, read off its state as it is now."""

from dataclasses import replace

from onhook.billing import bill
from onhook.call import Call, Contact, Fields, State
from onhook.calls import bills, clock
from onhook.store import CallRecord, NotificationContext, StoredDialogs


def changes(
    record: CallRecord, call: Call, *, told: int, dialog: StoredDialogs | None, srtp: str = ""
) -> dict[str, object]:
    """What of the record is to be written after something happened, by the names of its fields; after most
    digits that is nothing.

    ``told`` counts the notifications that it caused; ``dialog`` is None if it is as before; ``srtp`` is the
    suite by which it is encrypted, empty where it is not, or not any more because it is over.
    """
    now: dict[str, object] = {
        "facts": _context(record.facts, call, srtp),
        "state": _stored_state(call).value,
        **_contact(call.contact),
        "sequence": record.sequence + told,
    }
    now |= _answer(record, _billed_from(call))
    if dialog is not None:
        now["dialog"] = dialog
    if _ends_anew(record, call):
        now |= _ending(record, call)
    return {
        name: value
        for name, value in now.items()
        if (was := getattr(record, name)) is not value and was != value
    }


def _contact(contact: Contact | None) -> dict[str, object]:
    block, url, tag = (contact.block, contact.url.text, contact.tag) if contact else ("", "", "")
    return {"contact_block": block, "contact_url": url, "contact_tag": tag}


def _context(known: NotificationContext, call: Call, srtp: str) -> NotificationContext:
    """The very same object if nothing of it is another now."""
    fields, received_s = _fields(call), _received_s(call)
    reason = call.end.sip_reason if call.end is not None else ""
    parting = call.end.headers if call.end is not None and call.state is State.CLOSING else ()
    now = replace(
        known,
        fields=fields,
        monitor=call.monitor,
        received_s=received_s,
        sip_reason=reason or known.sip_reason,
        srtp=srtp or known.srtp,
        parting=parting,
    )
    return known if now == known else now


def _answer(record: CallRecord, answered_at: float | None) -> dict[str, object]:
    """On both clocks, and once: the wall clock may be set."""
    if answered_at is None:
        return {"answered_ms": None, "answered_mono_ms": None}
    if record.answered_ms is not None:
        return {}
    return {
        "answered_ms": clock.wall_ms(answered_at),
        "answered_mono_ms": clock.mono_ms(answered_at),
    }


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
