"""What the test phone saw of one call: its moments and messages, its sound, and how it ended.

Errors:
    PhoneError          what the phone was asked to do cannot be done now
    +-- CallNotAnswered the call ended before it rang or was answered; `ended` says how
    +-- PhoneTimeout    what was waited for did not come; also a TimeoutError
"""

import asyncio
from typing import TypeVar

from onhook.testing.audio import Audio
from onhook.testing.call_log import CallLog, Ended, Event, SeenMessage
from onhook.testing.dialog import Dialog
from onhook.testing.recording import Recording

_T = TypeVar("_T")

WAIT_S = 60.0
"""How long to wait for the server where nothing else is said."""


class PhoneError(Exception):
    """The phone cannot do that now."""


class CallNotAnswered(PhoneError):
    """The call ended before what was waited for came."""

    def __init__(self, ended: Ended, ladder: str) -> None:
        code = f" with {ended.code}" if ended.code else ""
        super().__init__(f"the call ended: {ended.how}{code} {ended.reason}\n{ladder}")
        self.ended = ended
        """How the call ended."""


class PhoneTimeout(PhoneError, TimeoutError):
    """What was waited for did not come in time; the message shows what did."""


class SeenCall:
    """A call to look at, and to wait for.

    All times are monotonic seconds. Those of received packets and messages are the kernel's, so
    their differences are exact however busy the test is.
    """

    def __init__(self, dialog: Dialog, audio: Audio, log: CallLog, call_id: str) -> None:
        self.call_id = call_id
        """The Call-ID on the wire."""
        self.log = log
        """Everything seen, with ways to look things up in it."""
        self.audio = audio
        """The phone's own sound: its addresses, and the last packets it sent."""
        self._dialog: Dialog = dialog

    @property
    def events(self) -> list[Event]:
        """The moments of the call.

        One that was placed: `invite_sent`, `trying`, `ringing`, `answered`, `ack_sent`,
        `cancel_sent`. One that was taken: `invite_received`, `ringing`, `answered`,
        `ack_received`, `cancel_received`. Either: `digit_sent`, `bye_sent`, `bye_received`, `ended`.
        """
        return self.log.events

    @property
    def messages(self) -> list[SeenMessage]:
        """All SIP messages of the call, sent and received, repeated ones too."""
        return self.log.messages

    @property
    def complaints(self) -> list[str]:
        """Sentences about what the server did against RFC 3261; empty for a good server."""
        return self.log.complaints

    @property
    def recording(self) -> Recording:
        """What the phone heard so far."""
        return self.audio.recording

    def is_over(self) -> bool:
        """Tell whether the call has ended, however."""
        return self._dialog.over.done()

    def is_up(self) -> bool:
        """Tell whether the call is answered and has not ended."""
        return self._dialog.answered.done() and not self._dialog.over.done()

    def time_of(self, event: str) -> float:
        """Return when an event came first; LookupError when it never did."""
        return self.log.time_of(event)

    @property
    def last_packet_to_bye_s(self) -> float:
        """The time from the last packet of sound before the server's BYE to that BYE.

        The packet itself sounds for 20 ms, so a server that waits until all of it has been heard
        comes to 0.020 or more. LookupError without a BYE from the server, or without sound.
        """
        bye_s = self.time_of("bye_received")
        last_s = self.recording.before(bye_s).last_packet_s
        if last_s is None:
            raise LookupError("no sound was heard before the BYE")
        return bye_s - last_s

    async def ended(self, timeout_s: float = WAIT_S) -> Ended:
        """Wait for the end of the call, whoever ends it, and return how. Raises PhoneTimeout."""
        return await self._wait(self._dialog.over, "the end of the call", timeout_s)

    async def received(
        self, what: str | int, count: int = 1, timeout_s: float = WAIT_S
    ) -> list[SeenMessage]:
        """Wait until `count` requests of a method, or responses of a status, have arrived.

            await call.received("BYE", 3)       # the server repeats it

        Returns all there are by then, those from before included. Raises PhoneTimeout.
        """
        until_s = asyncio.get_running_loop().time() + timeout_s
        while len(found := self.log.received(what)) < count:
            left_s = until_s - asyncio.get_running_loop().time()
            await self._wait(self.log.next_message(), f"{count} x {what}", left_s)
        return found

    async def _wait(self, future: asyncio.Future[_T], what: str, timeout_s: float) -> _T:
        try:
            return await asyncio.wait_for(asyncio.shield(future), timeout_s)
        except TimeoutError:
            raise PhoneTimeout(
                f"waited {timeout_s:g} s for {what}; so far:\n{self.log.ladder()}"
            ) from None

    def _raise_if_over(self) -> None:
        if self._dialog.over.done():
            raise CallNotAnswered(self._dialog.over.result(), self.log.ladder())
