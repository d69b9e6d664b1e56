"""Why a call ended, as SIP tells it (RFC 3326, Q.850). Pure."""

import re
from dataclasses import dataclass

from onhook.phone import grammar
from onhook.phone.message import Request, Response
from onhook.phone.reason import MAX_REASON_CHARS, Protocol, Reason, is_cause
from onhook.phone.reply import phrase_text

_WARNING = re.compile(r'\d{3}\s+\S+\s+"((?:[^"\\]|\\.)*)"', re.ASCII)


@dataclass(frozen=True, slots=True)
class SipCause:
    """The end of a call.

    `status` is a SIP status: of the peer's Reason header, of the answer to our BYE, or of what refused
    our INVITE. `q850` is the cause
    of the telephone network, 16 being a normal end. Each is None when nobody said. `text` is the
    peer's own words and may be empty; it is printable, on one line and at most 200 characters.
    `reason` is the peer's Reason header (RFC 3326), its values of Q.850 and SIP written anew, as in
    `Q.850;cause=16;text="Normal call clearing"`: printable, on one line, at most 200 characters, and empty
    when the peer gave none.
    """

    status: int | None = None
    q850: int | None = None
    text: str = ""
    reason: str = ""


def cause_of_request(request: Request) -> SipCause:
    """The Reason header of a BYE or CANCEL; an empty cause when it has none that can be read."""
    return _reason(request)


def cause_of_refusal(response: Response) -> SipCause:
    """Why our INVITE was refused: the status, and the telephone network's cause (RFC 6432).

    The words are those of Reason, else of Warning (RFC 3261 20.43), else the phrase.
    """
    reason = _reason(response)
    text = reason.text or _warned(response) or phrase_text(response.phrase)
    return SipCause(response.status, reason.q850, text, reason.reason)


def cause_of_response(response: Response | None) -> SipCause:
    """How our BYE was answered; None means not at all, which is 408 (RFC 3261 8.1.3.1)."""
    return SipCause(status=408 if response is None else response.status)


def _reason(message: Request | Response) -> SipCause:
    status = q850 = None
    text, kept = "", ""
    try:
        for value in message.values("reason"):
            protocol, semicolon, rest = value.partition(";")
            fields = grammar.parameters(semicolon + rest)
            words = phrase_text(fields.get("text", ""))
            text = text or words
            said = _said(protocol.strip().upper(), _number(fields.get("cause", "")), words)
            if said is None:
                continue
            if said.protocol == "Q.850":
                q850 = said.cause
            else:
                status = said.cause
            following = f"{kept}, {said}" if kept else str(said)
            kept = following if len(following) <= MAX_REASON_CHARS else kept
    except ValueError:
        return SipCause()
    return SipCause(status, q850, text, kept)


def _said(protocol: str, number: int | None, text: str) -> Reason | None:
    """One value, if it is of Q.850 or SIP and has a number that is one of theirs."""
    known: Protocol | None = (
        "Q.850" if protocol == "Q.850" else "SIP" if protocol == "SIP" else None
    )
    if known is None or number is None or not is_cause(known, number):
        return None
    longest = MAX_REASON_CHARS - len(f'{known};cause={number};text=""')
    while len(str(reason := Reason(number, text[:longest], known))) > MAX_REASON_CHARS:
        longest -= 10  # quotes and backslashes are written as two
    return reason


def _warned(response: Response) -> str:
    found = _WARNING.match(response.first("warning"))
    return phrase_text(re.sub(r"\\(.)", r"\1", found.group(1))) if found else ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None
