"""What a verdict rests on: the events of a call that are known, each with its time. Pure.

Today they are read off the store. What else tells of a call, such as a trace of its messages, adds to them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from onhook.calls.media_words import in_words
from onhook.calls.why.known import Known, what_failed
from onhook.store.reports import NotificationReport


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that is known to have happened. It has no number, no digits and no text of a message."""

    at_ms: int | None
    """When, in milliseconds since the epoch; None for what holds for the whole call."""
    source: str
    """Where that is known from: `record`, `request`, `notification`, `media`; or `sip`, from a trace."""
    text: str


def evidence_of(known: Known, further: Iterable[Evidence] = ()) -> tuple[Evidence, ...]:
    """All that is known, in order, with what ``further`` is known from elsewhere."""
    found = [*_record(known), *_notifications(known), *_requests(known), *further]
    timed = sorted((one for one in found if one.at_ms is not None), key=lambda one: one.at_ms or 0)
    return (*timed, *(one for one in found if one.at_ms is None))


def _record(known: Known) -> Iterator[Evidence]:
    record = known.record
    by = f" by the trunk {known.trunk}" if known.trunk else ""
    began = "Onhook placed the call" if known.outgoing else "the call came in"
    yield Evidence(record.began_ms, "record", f"{began}{by}")
    if record.answered_ms is not None:
        yield Evidence(record.answered_ms, "record", "it was answered")
    if record.ended_ms is not None:
        code = f", SIP {record.sip_code}" if record.sip_code is not None else ""
        asked = f", asked for by {known.operator}" if known.operator else ""
        end = f"it ended: {record.ended_by}, {record.cause}{code}{known.reason}{asked}"
        yield Evidence(record.ended_ms, "record", end)
    for media, whose in ((record.facts.media, "phone"), (record.facts.peer_media, "peer")):
        for name, text in in_words(media, whose):
            yield Evidence(None, "media", f"{name}: {text}")


def _notifications(known: Known) -> Iterator[Evidence]:
    for one in known.report.notifications:
        told = one.notification
        state = {"delivered": "delivered", "given_up": "given up"}.get(
            told.state, "not delivered yet"
        )
        block, call = told.fields.get("ivr_block", ""), told.fields.get("call_state", "")
        tried = "" if told.state == "delivered" and len(one.attempts) == 1 else f" ({_tries(one)})"
        text = f"{block}, {call}, told to {_place(told.url.text)}: {state}{tried}"
        yield Evidence(told.created_ms, "notification", text)


def _tries(one: NotificationReport) -> str:
    count = len(one.attempts)
    return f"{count} attempt{'' if count == 1 else 's'}, the last: {what_failed(one)}"


def _requests(known: Known) -> Iterator[Evidence]:
    for one in known.report.refused:
        times = f", {one.times} times" if one.times > 1 else ""
        text = f"{one.path} was refused with {one.status}{times}: {one.detail}"
        yield Evidence(one.at_ms, "request", text)


def _place(url: str) -> str:
    """Where a URL leads, without what may be a secret in it."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "its URL"
