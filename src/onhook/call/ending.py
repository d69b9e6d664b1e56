"""How a call ends, and who is told of it. Times are seconds of one monotonic clock."""

import enum
from dataclasses import dataclass, field

from onhook.urls import WebUrl

Fields = tuple[tuple[str, str], ...]
"""Fields of a notification that are the block's own, e.g. ``(("digits", "42"),)``."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Who is told when the call ends: the block whose notify_url it is, that request's tag, and
    what the block came to."""

    block: str
    url: WebUrl
    tag: str = ""
    fields: Fields = ()


class EndedBy(enum.Enum):
    """Who ended a call."""

    CALLER = "caller"
    CALLEE = "callee"
    APPLICATION = "application"
    SYSTEM = "system"
    NETWORK = "network"
    """The far end was gone, without a word, before anybody ended the call."""


@dataclass(frozen=True, slots=True)
class End:
    """How a call came to its end: who, when, and why in one word.

    ``cause`` is one of ``hangup``, ``forced_hangup``, ``rejected``, ``cancelled``, ``ring_timeout``,
    ``forward_to_refused``,
    ``idle_timeout``, ``session_timeout``, ``max_duration``, ``no_ack``, ``media_lost``,
    ``message_incomplete``, ``transfer_failed``, ``kicked``, ``insufficient_credit``, ``shutdown``; of an
    outgoing call that nobody answered ``busy``, ``unanswered`` and ``failed``; and ``crash`` for
    what a process left behind that did not end properly, and what had its audio in one that died.
    ``sip_cause`` is the far end's own reason for its BYE or CANCEL (RFC 3326) where it gave one, and
    ``sip_code`` the SIP status for which a call out was not answered, or with which we rejected one.
    """

    at: float
    by: EndedBy
    cause: str
    sip_cause: str = ""
    sip_code: int | None = None
    sip_reason: str = ""
    """The far end's Reason header, made safe."""
    headers: Fields = field(default=(), repr=False)
    """What the application has to say in the BYE or in the response that rejects the call, as SIP headers."""
    operator: str = ""
    """By APPLICATION: the operator who asked for it in its place, and by which way: ``console mei``, ``cli
    root``; empty where the application did."""
    received_at: float | None = None
    """By NETWORK: when the last packet left that the far end said it had received, if it ever said so."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The far end is not there any more: ``since`` when, and what it is known to have received last."""

    since: float
    received_at: float | None = None
