"""What happened in a call of the test phone, when, and how it ended."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from onhook.testing.sip_text import SipMessage

MAX_ENTRIES = 10_000
"""How many messages, events and complaints of one call are kept, each; the first ones."""


class How(StrEnum):
    """How a call came to its end, seen from the phone."""

    BYE_RECEIVED = "bye_received"
    """The server hung up."""
    BYE_SENT = "bye_sent"
    """The phone hung up."""
    REJECTED = "rejected"
    """The server refused it with a final response of 300 to 699."""
    CANCELLED = "cancelled"
    """The phone gave up while it rang: CANCEL, then 487."""
    TIMED_OUT = "timed_out"
    """No final response: none at all in 32 s, or none after a CANCEL."""
    CANCEL_RECEIVED = "cancel_received"
    """The server gave up while the phone rang."""
    REJECTION_SENT = "rejection_sent"
    """The phone refused the server's call with a final response of 300 to 699."""
    NO_ACK = "no_ack"
    """The phone's answer was not acknowledged in 32 s, so it hung up (RFC 3261 13.3.1.4)."""
    VANISHED = "vanished"
    """The phone went away without a word (`PhoneCall.vanish`)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a call."""

    how: How
    at_s: float
    """Monotonic; for what was received, the kernel's time."""
    code: int | None = None
    """The final response to INVITE, received or sent, when it was not 2xx."""
    reason: str = ""
    """The Reason header (RFC 3326) if there is one, else the reason phrase of the response."""


@dataclass(frozen=True, slots=True)
class Event:
    """A moment of a call: `ringing`, `answered`, `ended`, ...; `CallLeg.events` lists them."""

    at_s: float
    name: str


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """A SIP message that the phone sent or received; `at_s` is monotonic."""

    at_s: float
    sent: bool
    message: SipMessage
    ignored: bool = False
    """The phone was told to act as if this message had been lost."""


@dataclass(slots=True)
class CallLog:
    """Everything that was seen of one call."""

    events: list[Event] = field(default_factory=list)
    messages: list[SeenMessage] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def see(self, seen: SeenMessage) -> None:
        """Write down a message and wake those who wait for one."""
        if len(self.messages) < MAX_ENTRIES:
            self.messages.append(seen)
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def next_message(self) -> asyncio.Future[None]:
        """Return a future that is done when the next message is seen."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def note(self, name: str, at_s: float) -> None:
        """Write down a moment."""
        if len(self.events) < MAX_ENTRIES:
            self.events.append(Event(at_s, name))

    def complain(self, *sentences: str) -> None:
        """Write down what the server did wrong."""
        self.complaints += sentences[: MAX_ENTRIES - len(self.complaints)]

    def time_of(self, name: str) -> float:
        """Return when a moment came first; LookupError when it never did."""
        for event in self.events:
            if event.name == name:
                return event.at_s
        raise LookupError(f"this call never came to: {name}")

    def received(self, what: str | int) -> list[SeenMessage]:
        """List the received requests of a method ("BYE"), or the received responses of a status."""
        return [seen for seen in self.messages if not seen.sent and _is(seen.message, what)]

    def sent(self, what: str | int) -> list[SeenMessage]:
        """List the sent requests of a method, or the sent responses of a status."""
        return [seen for seen in self.messages if seen.sent and _is(seen.message, what)]

    def ladder(self) -> str:
        """Draw the messages, one a line with its time, for the message of a failed test."""
        if not self.messages:
            return "(no SIP message)"
        start_s = self.messages[0].at_s
        return "\n".join(
            f"{(seen.at_s - start_s) * 1000:9.1f} ms {'-->' if seen.sent else '<--'} "
            f"{seen.message.start}{' (ignored)' if seen.ignored else ''}"
            for seen in self.messages
        )


def _is(message: SipMessage, what: str | int) -> bool:
    if isinstance(what, int):
        return message.status == what
    return message.is_request and message.method == what
