"""What there is to tell, and what came of telling it. Times are Unix times in seconds."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "json"

_HEADER_SAFE = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Notification:
    """A committed notification: it is in the store, and has to be delivered.

    Raises `ValueError` for an id that could not stand in a header. Secrets are not part of it; they
    are looked up by `app_id` for each attempt.
    """

    id: str
    """Unique for ever: printable ASCII without blanks. The receiver's key against duplicates."""
    session: str
    """The lane: notifications of one session are delivered in order."""
    sequence: int
    """Number within the session, sent as `X-Onhook-Event`."""
    app_id: str
    """Whose secrets sign it."""
    url: str = field(repr=False)
    """The notify_url as the application gave it."""
    fields: Mapping[str, str] = field(repr=False)
    """The notification's parameters, in the order in which they are sent."""
    format: str = "form"
    """`form` or `json`: how the parameters are written."""
    first_attempt_at: float | None = None
    """When it was first attempted, if it was: the 24 hours count from here."""
    attempts: int = 0
    """How many attempts were recorded so far."""
    next_at: float | None = None
    """The `next_at` of the last recorded attempt; not attempted earlier by the schedule."""
    scheduled: int | None = None
    """How many of the attempts were those of the schedule: those at a start or an end are beside it. None
    is all of them."""
    not_before: float = 0.0
    """Until when the receiver asked to be left alone (Retry-After); never attempted earlier."""

    def __post_init__(self) -> None:
        if not _HEADER_SAFE.fullmatch(self.id):
            raise ValueError("a notification's id is 1 to 255 printable ASCII characters")


@dataclass(frozen=True, slots=True)
class AppSecrets:
    """What signs an application's notifications."""

    access_token: str = field(repr=False)
    """Keys `X-Hoiio-Signature`."""
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    """`whsec_` secrets for Standard Webhooks, newest first; two or more during a rotation."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver a notification."""

    number: int
    """1 for the first."""
    at: float
    """When it started."""
    status: int | None
    """The HTTP status of the reply, if there was one."""
    error: str | None
    """Why there was no reply, or what is wrong with it beyond its status: a sentence for a person."""
    duration_ms: float
    """From the start to the reply, or to giving up."""
    scheduled: int = 0
    """How many attempts of the schedule have been made by now."""
    not_before: float = 0.0
    """Until when the receiver asked to be left alone; 0 if it did not."""


class Outcome(enum.Enum):
    """What an attempt came to."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """To be tried again, at `next_at`."""
    GIVEN_UP = "given_up"
    """Not to be tried again."""
