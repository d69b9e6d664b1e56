"""What is known of a call as steps of a ladder: who told whom what, and when. Pure."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from onhook.store.reports import CallReport
from onhook.store.traces import Entry

US: Final = "Onhook"
APPLICATION: Final = "application"
_CSEQ: Final = re.compile(rb"\r\ncseq[ \t]*:[ \t]*\d+[ \t]+(\S+)", re.IGNORECASE)
_CALL_ID: Final = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Step:
    """One step; without ``to`` it is a note at whoever it is ``of``."""

    at_us: int
    of: str
    to: str
    text: str
    kind: str
    """``sip``, ``state``, ``event``, ``request``, ``reply``, ``played``, ``refused`` or ``notification``."""
    message: str = ""
    """A SIP message whole, masked."""


def brief(step: Step) -> str:
    """Its text where there is little room: of a reply the status first, and nothing of a success that says
    no more."""
    what, _, reply = step.text.partition(": ")
    try:
        fields = json.loads(reply) if step.kind == "reply" else None
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return step.text
    further = [f"{name} {value}" for name, value in fields.items() if name != "status"]
    return f"{what}: {', '.join([str(fields.get('status', '')), *further])}"


def steps_of(report: CallReport, entries: Sequence[Entry]) -> list[Step]:
    """All steps, in order."""
    found = [*_entries(report, entries), *_told(report), *_refused(report)]
    return sorted(found, key=lambda step: step.at_us)


def lanes_of(steps: Sequence[Step]) -> list[str]:
    """Who takes part: phones first, in their order, then we, then the application."""
    named = [name for step in steps for name in (step.of, step.to) if name]
    phones = [name for name in dict.fromkeys(named) if name not in (US, APPLICATION)]
    return [*phones, US, APPLICATION]


def _entries(report: CallReport, entries: Sequence[Entry]) -> Iterator[Step]:
    phones: dict[bytes, str] = {}
    for one in entries:
        match one.kind:
            case "sip-in" | "sip-out":
                phone = _phone(report, phones, one.said)
                of, to = (phone, US) if one.kind == "sip-in" else (US, phone)
                text = one.said.decode("utf-8", "replace")
                yield Step(one.at_us, of, to, _called(one.said), "sip", text)
            case "request":
                yield Step(one.at_us, APPLICATION, US, one.said.decode(), "request")
            case "reply":
                yield Step(one.at_us, US, APPLICATION, one.said.decode("utf-8", "replace"), "reply")
            case "media":
                pass  # figures: `media_of` has them
            case _:
                yield Step(one.at_us, US, "", one.said.decode(), one.kind)


def _phone(report: CallReport, phones: dict[bytes, str], message: bytes) -> str:
    """Whose dialog it is: that of the call itself comes first."""
    found = _CALL_ID.search(message)
    call_id = found[1].strip() if found else b""
    if call_id not in phones:
        first = "callee" if report.call.direction == "out" else "caller"
        name = first if not phones else "other" if len(phones) == 1 else f"other {len(phones)}"
        phones[call_id] = name
    return phones[call_id]


def _called(message: bytes) -> str:
    """``INVITE``, or ``180 Ringing`` with what it answers where that is no INVITE."""
    line = message.partition(b"\r\n")[0].decode("utf-8", "replace")
    if not line.startswith("SIP/2.0 "):
        return line.partition(" ")[0]
    found = _CSEQ.search(message)
    method = found[1].decode("ascii", "replace") if found else ""
    status = line.removeprefix("SIP/2.0 ")
    return status if method in ("INVITE", "") else f"{status} ({method})"


def _told(report: CallReport) -> Iterator[Step]:
    for one in report.notifications:
        told = one.notification
        what = f"{told.fields.get('ivr_block', '')} {told.fields.get('call_state', '')}"
        for tried in one.attempts:
            came = f"{tried.status}" if tried.status is not None else "no answer"
            text = f"{what}: {came}"
            yield Step(tried.at_ms * 1000, US, APPLICATION, text, "notification")
        if not one.attempts:
            text = f"{what}: not yet"
            yield Step(told.created_ms * 1000, US, APPLICATION, text, "notification")


def _refused(report: CallReport) -> Iterator[Step]:
    for one in report.refused:
        what = one.path.rpartition("/")[2]
        yield Step(one.at_ms * 1000, APPLICATION, US, f"{what}: {one.status}", "refused")
