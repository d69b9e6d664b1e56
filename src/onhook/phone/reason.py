"""Reason headers (RFC 3326, RFC 6432): why a call ends, in the numbers of Q.850 or in those of SIP. Pure.

BYE, CANCEL     as whoever hangs up says; 16, normal clearing, where nobody says anything else
final response  by its status, as gateways translate it (RFC 3398 8.2.6.1), see `Q850_OF_STATUS`
other forks     SIP 200, call completed elsewhere (RFC 3326 3.1)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from onhook.phone.reply import HeaderLines, phrase_text

Protocol = Literal["Q.850", "SIP"]

MAX_REASON_CHARS = 200
"""What is kept of a peer's Reason is cut here."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One value of a Reason header: `cause` is a number of Q.850 (0 to 127), or a SIP status (100 to 699).

    ValueError for another number.
    """

    cause: int
    text: str = ""
    protocol: Protocol = "Q.850"

    def __post_init__(self) -> None:
        if not is_cause(self.protocol, self.cause):
            raise ValueError(f"no cause of {self.protocol}: {self.cause}")

    def __str__(self) -> str:
        quoted = phrase_text(self.text).replace("\\", "\\\\").replace('"', '\\"')
        text = f';text="{quoted}"' if quoted else ""
        return f"{self.protocol};cause={self.cause}{text}"

    @property
    def header(self) -> tuple[str, str]:
        """The header with this value alone."""
        return _header(self)


@lru_cache(maxsize=256)
def _header(reason: Reason) -> tuple[str, str]:
    return "Reason", str(reason)


def is_cause(protocol: str, number: int) -> bool:
    """Whether a protocol has a cause of this number (Q.850 2.2.5: seven bits; RFC 3261 7.2)."""
    return 0 <= number <= 127 if protocol == "Q.850" else 100 <= number <= 699


NORMAL: Final = Reason(16, "Normal call clearing")
BUSY: Final = Reason(17, "User busy")
NOT_RESPONDING: Final = Reason(18, "No user responding")
NO_ANSWER: Final = Reason(19, "No answer from user")
DECLINED: Final = Reason(21, "Call rejected")
OUT_OF_ORDER: Final = Reason(27, "Destination out of order")
UNSPECIFIED: Final = Reason(31, "Normal, unspecified")
TEMPORARY_FAILURE: Final = Reason(41, "Temporary failure")
TIMER_EXPIRED: Final = Reason(102, "Recovery on timer expiry")
ELSEWHERE: Final = Reason(200, "Call completed elsewhere", "SIP")

_TEXTS: Final[Mapping[int, str]] = {
    **{each.cause: each.text for each in (
        NORMAL, BUSY, NOT_RESPONDING, NO_ANSWER, DECLINED, OUT_OF_ORDER, UNSPECIFIED,
        TEMPORARY_FAILURE, TIMER_EXPIRED)},
    1: "Unallocated number", 22: "Number changed", 25: "Exchange routing error",
    28: "Invalid number format", 34: "No circuit available", 38: "Network out of order",
    63: "Service or option unavailable", 65: "Bearer capability not implemented",
    79: "Service or option not implemented", 127: "Interworking, unspecified",
}  # fmt: skip

Q850_OF_STATUS: Final[Mapping[int, int]] = {
    400: 41, 401: 21, 402: 21, 403: 21, 404: 1, 405: 63, 406: 79, 407: 21, 408: 102, 410: 22,
    413: 127, 414: 127, 415: 79, 416: 127, 420: 127, 421: 127, 423: 127, 433: 21, 480: 18, 481: 41,
    482: 25, 483: 25, 484: 28, 485: 1, 486: 17, 487: 16, 488: 65, 491: 31, 500: 41, 501: 79, 502: 38,
    503: 41, 504: 102, 505: 127, 513: 127, 580: 47, 600: 17, 603: 21, 604: 1, 606: 65, 607: 21,
}  # fmt: skip
"""The cause of the telephone network for a SIP status (RFC 3398 8.2.6.1).

Its own are 487, 16: whoever gave up has cleared normally; 488 and 606, 65: what cannot be agreed to is the
codec; 491, 31; 433 and 607 (RFC 5079, RFC 8197), 21."""

_OF_CLASS: Final[Mapping[int, int]] = {3: 22, 4: 31, 5: 41, 6: 31}


def reason_of_status(status: int) -> Reason:
    """What a final response from 300 to 699 says in the numbers of the telephone network."""
    cause = Q850_OF_STATUS.get(status, _OF_CLASS.get(status // 100, UNSPECIFIED.cause))
    return Reason(cause, _TEXTS.get(cause, ""))


def with_reason(status: int, headers: HeaderLines = ()) -> tuple[tuple[str, str], ...]:
    """The headers of a final response that refuses a call, and why, unless they say so already."""
    lines = tuple(headers)
    if any(name.lower() == "reason" for name, _ in lines):
        return lines
    return (*lines, reason_of_status(status).header)
