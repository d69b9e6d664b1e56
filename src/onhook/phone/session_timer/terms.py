"""What messages say of session timers, and what two sides agree to (RFC 4028 4, 5, 7 to 9). Pure."""

from dataclasses import dataclass
from typing import NamedTuple

from onhook.phone import grammar
from onhook.phone.message import Request, Response
from onhook.phone.reply import HeaderLines

MIN_SE_S = 90
"""No session is shorter (RFC 4028 5); it is also what we ask of others."""
LONGEST_S = 86_400
"""What a peer asks for beyond a day is brought down to one."""


class Asked(NamedTuple):
    """What a message says: `interval_s` is None where it asks for no timer; `refresher` is `uac`, `uas` or
    empty; `min_s` the shortest session that whoever it passed lets be; `supported` whether its author
    knows timers at all. What cannot be read was not said."""

    interval_s: int | None
    refresher: str
    min_s: int
    supported: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed: the session lasts `interval_s` if nobody refreshes it, we (`ours`) or the peer."""

    interval_s: int
    ours: bool

    def as_asked(self, min_s: int = MIN_SE_S) -> HeaderLines:
        """The headers of a request that refreshes (RFC 4028 7.4)."""
        role = "uac" if self.ours else "uas"
        least = (("Min-SE", str(min_s)),) if min_s > MIN_SE_S else ()
        return (
            ("Supported", "timer"),
            ("Session-Expires", f"{self.interval_s};refresher={role}"),
            *least,
        )

    def as_answered(self, asked: Asked) -> HeaderLines:
        """The headers of a 2xx. Who is to refresh has to understand that (RFC 4028 9)."""
        role = "uas" if self.ours else "uac"
        require = (("Require", "timer"),) if asked.supported else ()
        return (*require, ("Session-Expires", f"{self.interval_s};refresher={role}"))


def read(message: Request | Response) -> Asked:
    """What a message says of session timers."""
    if "session-expires" not in message.headers and "min-se" not in message.headers:
        return Asked(None, "", MIN_SE_S, lists(message, "supported", "timer"))
    interval_s, refresher = _session_expires(message)
    least_s = max(min(min_se(message), LONGEST_S), MIN_SE_S)
    return Asked(interval_s, refresher, least_s, lists(message, "supported", "timer"))


def min_se(message: Request | Response) -> int:
    """The Min-SE of a message, 0 without one that can be read."""
    return _seconds(message.first("min-se").partition(";")[0]) or 0


def lists(message: Request | Response, header: str, tag: str) -> bool:
    """Whether a header (Supported, Require, Allow) has this among its values."""
    lines = message.headers.get(header)
    if lines is None or (len(lines) == 1 and tag not in lines[0]):
        return False
    try:
        return tag in [value.strip() for value in message.values(header)]
    except ValueError:
        return False


def asks(interval_s: int, min_s: int = 0) -> HeaderLines:
    """The headers of an INVITE of ours that begins a call; an interval of 0 asks for no timer. `min_s` is
    what an earlier one was refused with (RFC 4028 7.1)."""
    if not interval_s:
        return ()
    least = (("Min-SE", str(min_s)),) if min_s else ()
    return (("Session-Expires", str(max(interval_s, MIN_SE_S))), *least)


def too_short(asked: Asked) -> bool:
    """Whether a request is to be refused with 422, of which only a peer can make use that knows timers."""
    return asked.supported and asked.interval_s is not None and asked.interval_s < MIN_SE_S


def agree(asked: Asked, wanted_s: int, before: Terms | None = None) -> Terms | None:
    """What we answer to a request (RFC 4028 9); None is no timer.

    `wanted_s` is what we would like where the peer knows timers and asks for none; 0 is nothing. What was
    agreed `before` goes on, should a later request not speak of it. We refresh unless the peer asks to.
    """
    ours = not (asked.supported and asked.refresher == "uac")
    if asked.interval_s is not None and asked.interval_s >= MIN_SE_S:
        return Terms(max(min(asked.interval_s, LONGEST_S), asked.min_s), ours)
    if before is not None:
        return Terms(max(before.interval_s, asked.min_s), before.ours or not asked.supported)
    if asked.supported and wanted_s:
        return Terms(max(wanted_s, asked.min_s), ours=True)
    return None


def agreed(asked: Asked) -> Terms | None:
    """What a 2xx to a request of ours has made of it (RFC 4028 7.2); without Session-Expires there is none.

    An interval below the least that RFC 4028 lets be is a mistake, for which nobody is refreshed faster."""
    if asked.interval_s is None:
        return None
    return Terms(min(max(asked.interval_s, MIN_SE_S), LONGEST_S), asked.refresher != "uas")


def _session_expires(message: Request | Response) -> tuple[int | None, str]:
    text, semicolon, rest = message.first("session-expires").partition(";")
    try:
        fields = grammar.parameters(semicolon + rest)
    except ValueError:
        return None, ""
    refresher = fields.get("refresher", "").lower()
    return _seconds(text), refresher if refresher in ("uac", "uas") else ""


def _seconds(text: str) -> int | None:
    """delta-seconds (RFC 3261 25.1), of which more than ten digits are as good as ten."""
    text = text.strip()
    return int(text[:10]) if text.isascii() and text.isdigit() else None
