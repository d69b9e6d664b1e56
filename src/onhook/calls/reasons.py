"""What a phone is told of why its call ends (RFC 3326), from what ended it. Pure.

| end | Q.850 | for a call that still rings |
|---|---|---|
| hangup, forced_hangup, cancelled, kicked, max_duration | 16 normal clearing | the same |
| rejected | | that of the status |
| ring_timeout, unanswered | 19 no answer | the same |
| no_ack | 102 recovery on timer expiry | |
| media_lost | 27 destination out of order | |
| transfer_failed | that of the SIP status of the far side; else 31 | |
| idle_timeout, session_timeout, insufficient_credit, forward_to_refused | 31 normal, unspecified | the same |
| shutdown, crash, message_incomplete, and what is not in this table | 41 temporary failure | the same |
"""

from collections.abc import Mapping
from typing import Final

from onhook.call.ending import End
from onhook.phone.reason import (
    NO_ANSWER,
    NORMAL,
    OUT_OF_ORDER,
    TEMPORARY_FAILURE,
    TIMER_EXPIRED,
    UNSPECIFIED,
    Reason,
    reason_of_status,
)

REASONS: Final[Mapping[str, Reason]] = {
    **dict.fromkeys(("hangup", "forced_hangup", "cancelled", "kicked", "max_duration"), NORMAL),
    **dict.fromkeys(("ring_timeout", "unanswered"), NO_ANSWER),
    "no_ack": TIMER_EXPIRED,
    "media_lost": OUT_OF_ORDER,
    **dict.fromkeys(
        ("idle_timeout", "session_timeout", "insufficient_credit", "forward_to_refused"),
        UNSPECIFIED,
    ),
}
"""By the cause of the end; `rejected` and `transfer_failed` go by a status."""


def reason_of(end: End | None) -> Reason:
    """What the BYE or CANCEL of a call says that ended so; without an end it was merely hung up."""
    if end is None:
        return NORMAL
    if end.cause == "transfer_failed":
        refused = end.sip_code is not None and end.sip_code >= 300
        return reason_of_status(end.sip_code) if end.sip_code and refused else UNSPECIFIED
    return REASONS.get(end.cause, TEMPORARY_FAILURE)


def reason_of_rejection(end: End | None, status: int) -> Reason:
    """What the final response says that a call is refused with, before it was answered."""
    if end is None or end.cause == "rejected":
        return reason_of_status(status)
    return reason_of(end)
