"""What came of trying to deliver a notification. Times are Unix times in seconds."""

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeliveryProgress:
    """How far the delivery of a notification has come, as earlier processes recorded it."""

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


UNTRIED = DeliveryProgress()
"""That of a notification which was written just now."""


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


class AttemptOutcome(enum.Enum):
    """What an attempt came to."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """To be tried again, at `next_at`."""
    GIVEN_UP = "given_up"
    """Not to be tried again."""
