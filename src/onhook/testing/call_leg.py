"""One call of the test phone, as a test sees it: talk, press keys, hold, hang up, look back.

Errors:
    PhoneError          what the phone was asked to do cannot be done now
    +-- CallNotAnswered the call ended before it rang or was answered; `ended` says how
    +-- PhoneTimeout    what was waited for did not come; also a TimeoutError
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeVar

from onhook.testing import rtp
from onhook.testing.audio import Audio
from onhook.testing.call_log import CallLog, Ended, Event, SeenMessage
from onhook.testing.dialog import Dialog
from onhook.testing.g711 import Pcm
from onhook.testing.recording import Recording
from onhook.testing.sip_text import Headers, SipMessage

_T = TypeVar("_T")

WAIT_S = 30.0
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


class CallLeg:
    """What calls that the phone placed and calls that it took have in common.

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

    async def hang_up(self, *, headers: Headers = (), timeout_s: float = WAIT_S) -> Ended:
        """Send BYE, wait for its answer, return how the call ended.

        When the server's BYE came first, that is how. Raises PhoneError before the call is
        answered, PhoneTimeout when the BYE is not answered; it is repeated until then
        (RFC 3261 17.1.2).
        """
        if self._dialog.over.done():
            return self._dialog.over.result()
        self._need_answer("hang up")
        response = self._dialog.bye(headers)
        if await self._wait(response, "the answer to BYE", timeout_s) is None:
            raise PhoneTimeout(f"the BYE was not answered\n{self.log.ladder()}")
        return self._dialog.over.result()

    async def leave(self) -> Ended:
        """End the call in the way that fits, whatever it is doing."""
        return await self.hang_up()

    def vanish(self) -> None:
        """End the call as a phone does that lost its network: without a word, and for good."""
        self._dialog.vanish()

    async def say(self, pcm: Pcm) -> None:
        """Talk: send 8000 Hz samples behind what is being said; return when they have left."""
        self._need_sound("talk")
        await self.audio.say(pcm)

    async def send_digits(
        self, digits: str, *, tone_ms: int = 100, gap_ms: int = 60, end_packets: int = 3
    ) -> None:
        """Press keys, as telephone-events (RFC 4733); return when the last packet has left.

        `end_packets` below three stands for lost ones. Raises PhoneError when the call has no
        telephone-events, RtpError (a ValueError) for what is not a key.
        """
        self._need_sound("press keys")
        route = self.audio.route
        if route is None or route.events_type is None:
            raise PhoneError("telephone-event was not negotiated")
        for digit in digits:
            await self.audio.press(digit, tone_ms, gap_ms, end_packets)
            self.log.note("digit_sent", asyncio.get_running_loop().time())

    async def info_digit(
        self, digit: str, *, duration_ms: int = 160, timeout_s: float = WAIT_S
    ) -> SipMessage:
        """Press one key, as a SIP INFO with application/dtmf-relay; return the response."""
        if len(digit) != 1 or digit not in rtp.DIGITS:
            raise rtp.RtpError(f"not a key of a phone: {digit!r}")
        body = f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()
        headers = (("Content-Type", "application/dtmf-relay"),)
        return await self.request("INFO", headers=headers, body=body, timeout_s=timeout_s)

    async def request(
        self, method: str, *, headers: Headers = (), body: bytes = b"", timeout_s: float = WAIT_S
    ) -> SipMessage:
        """Send any request but INVITE within the call and return its final response.

        Raises PhoneError while there is no call, PhoneTimeout.
        """
        self._need_answer(f"send {method}")
        response = await self._wait(
            self._dialog.request(method, headers, body), f"the answer to {method}", timeout_s
        )
        if response is None:
            raise PhoneTimeout(f"the {method} was not answered\n{self.log.ladder()}")
        return response

    async def hold(
        self, direction: str = "sendonly", *, nowhere: bool = False, timeout_s: float = WAIT_S
    ) -> SipMessage:
        """Put the other side on hold (RFC 3264 8.4); return the 200.

        `inactive` for hold without any sound; `nowhere` gives 0.0.0.0 for an address, as phones
        did before RFC 3264. Raises PhoneError when it is refused, PhoneTimeout.
        """
        self._dialog.session.nowhere = nowhere
        return await self._renegotiate(direction, "hold", timeout_s)

    async def unhold(self, *, timeout_s: float = WAIT_S) -> SipMessage:
        """Talk again after `hold`; return the 200. Raises as `hold` does."""
        self._dialog.session.nowhere = False
        return await self._renegotiate("sendrecv", "unhold", timeout_s)

    async def move(self, *, timeout_s: float = WAIT_S) -> SipMessage:
        """Continue the sound on a new port, and tell the server of it; return the 200.

        The recording goes on: what is still sent to the old port is in it, with that
        `local_port`. Raises as `hold` does.
        """
        self._need_answer("move")
        self.audio.move()
        return await self._renegotiate("sendrecv", "move", timeout_s)

    async def reinvite(
        self,
        direction: str = "sendrecv",
        *,
        codecs: Sequence[str] | None = None,
        payload_types: Mapping[str, int] | None = None,
        timeout_s: float = WAIT_S,
    ) -> SipMessage:
        """Send an INVITE within the call and return its final response, whatever it is.

        direction: sendrecv, sendonly, recvonly or inactive.
        codecs: the phone has these from now on, besides telephone-event if it had that.
        payload_types: and these numbers.

        Raises PhoneError while there is no call, PhoneTimeout.
        """
        self._need_answer("send INVITE")
        self._dialog.session.choose(codecs, payload_types)
        response = await self._wait(
            self._dialog.reinvite(direction), "the answer to INVITE", timeout_s
        )
        if response is None:
            raise PhoneTimeout(f"the INVITE was not answered\n{self.log.ladder()}")
        return response

    async def update(
        self,
        direction: str = "sendrecv",
        *,
        codecs: Sequence[str] | None = None,
        payload_types: Mapping[str, int] | None = None,
        timeout_s: float = WAIT_S,
    ) -> SipMessage:
        """As `reinvite`, by an UPDATE (RFC 3311)."""
        self._need_answer("send UPDATE")
        self._dialog.session.choose(codecs, payload_types)
        response = await self._wait(
            self._dialog.update(direction), "the answer to UPDATE", timeout_s
        )
        if response is None:
            raise PhoneTimeout(f"the UPDATE was not answered\n{self.log.ladder()}")
        if response.status < 300:
            self._dialog.take_answer(response)
        return response

    def close(self) -> None:
        """Free the ports of the sound; a call that is still up ends without a word."""
        self._dialog.vanish()
        self.audio.close()

    async def _renegotiate(self, direction: str, purpose: str, timeout_s: float) -> SipMessage:
        response = await self.reinvite(direction, timeout_s=timeout_s)
        if response.status >= 300:
            raise PhoneError(f"{purpose} was refused with {response.status}\n{self.log.ladder()}")
        return response

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

    def _need_answer(self, purpose: str) -> None:
        answered = self._dialog.answered
        if not answered.done() or answered.result() is None:
            raise PhoneError(f"the call is not answered, so the phone cannot {purpose}")

    def _need_sound(self, purpose: str) -> None:
        if self.audio.route is None:
            raise PhoneError(f"there is no sound in this call, so the phone cannot {purpose}")
