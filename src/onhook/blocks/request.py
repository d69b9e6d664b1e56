"""A request whose parameters are all in order, as a value; and the refusal of one that is not.

Each block declares its own in its module: ``HangupRequest``, ``GatherRequest``. Its attributes are the
block's parameters, checked against the declaration when that is made (:mod:`onhook.blocks.params`).
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from onhook.blocks import statuses
from onhook.message import Message
from onhook.urls import WebUrl

SipHeaders: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values of SIP headers, as they are to be sent."""


class Refused(Exception):
    """A request that is answered with an error status; the call stays as it was.

    ``status`` is the API's, ``detail`` a sentence that says what was wrong and what to do.
    ``headers`` go out with the reply, e.g. ``Retry-After``.
    """

    def __init__(self, status: str, detail: str | None = None, **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.detail = statuses.detail(status) if detail is None else detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The idempotency key of a request, and the SHA-256 of what is asked for under it, in hex."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRequest:
    """What a request of any block may carry. A block that has no such parameter leaves it at its default."""

    tag: str = ""
    notify_url: WebUrl | None = None
    message: Message | None = None
    """What ``msg`` says; None without it."""
    force: bool = False
    """Whether it interrupts whatever the call does."""
    reject: int | None = None
    """The SIP status with which a call that still rings is rejected; None for the operator's."""
    sip_headers: SipHeaders = field(default=(), repr=False)
    """What its INVITE, BYE or rejection says besides. The values are the application's secrets."""
    media: bool = False
    """Whether the terminal notification says what the audio was like."""
    operator: str = ""
    """The operator who asks in the application's place, and by which way: ``console mei``, ``cli root``; else
    empty."""
    key: RequestKey | None = None
    """The idempotency key under which the reply is kept, if the request came with one."""

    @property
    def told(self) -> tuple[WebUrl, ...]:
        """The URLs that it wants notified, each of which has to be reachable."""
        return () if self.notify_url is None else (self.notify_url,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest(BlockRequest):
    """A block for the call of a session."""

    session: str
