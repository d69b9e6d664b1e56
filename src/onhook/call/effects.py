"""What the machine wants done. The owner of the call performs the effects in their order."""

from dataclasses import dataclass

from onhook.call.model import Contact


@dataclass(frozen=True, slots=True)
class Reserve:
    """The request may be prepared; report Prepared or PreparationFailed for it."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request is refused with this status; nothing else happened."""

    request_id: int
    status: str


@dataclass(frozen=True, slots=True)
class Accept:
    """The request is accepted: once this state is on disk it is answered with success_ok."""

    request_id: int


@dataclass(frozen=True, slots=True)
class Overtake:
    """The request cannot run any more, since the call went to its end while it was prepared."""

    request_id: int
    status: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Send 200 with our SDP and open the media stream."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Send this final response to the ringing INVITE."""

    code: int


@dataclass(frozen=True, slots=True)
class Play:
    """Play the message of this request."""

    request_id: int


@dataclass(frozen=True, slots=True)
class StopMedia:
    """No further frame may leave."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Send BYE."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the application; in the same transaction as the new state."""

    contact: Contact
    call_state: str


Effect = Reserve | Refuse | Accept | Overtake | Answer | Reject | Play | StopMedia | HangUp | Notify
